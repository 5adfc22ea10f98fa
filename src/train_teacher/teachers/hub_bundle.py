"""A teacher as Hugging Face transformers loads it, without train-teacher and MMDetection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.errors import UserError
from train_teacher.hub.geometry import DELIMITERS, transformers_config
from train_teacher.hub.names import UNPAIRED
from train_teacher.hub.tensors import transformers_tensors
from train_teacher.pages.page import render_text
from train_teacher.runs.folder import CARD
from train_teacher.teachers.card import Caption, TeacherCard, card_text
from train_teacher.teachers.hub_comparison import compare_outputs
from train_teacher.teachers.standalone_model import LANGUAGE_MODEL, write_language_model

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
DETECT = "detect.py"
TOLERANCE = 1e-4
"""Of boxes, in shares of the image, and of scores."""
CLASS = "MMGroundingDinoForObjectDetection"
IGNORED = ".embeddings.position_ids"
"""0, 1, 2, ...: transformers makes it itself."""


@dataclass(frozen=True)
class HubBundle:
    """What a bundle is made of."""

    detector: Any
    """In evaluation mode, on the CPU."""
    model: Mapping[str, Any]
    """`model` of its MMDetection config, before it was built."""
    card: TeacherCard
    language_model: Path
    images: Sequence[Path]
    """Validation images to compare on."""


def fill_hub_bundle(folder: Path, bundle: HubBundle, *, half: bool = False) -> TeacherCard:
    """Write a bundle, load it with transformers and compare it with the teacher.

    Returns:
        The card, with the captions.

    Raises:
        UserError: transformers' class cannot hold the model, computes something else, or the system
            refuses.
    """
    from train_teacher.mmdet_plugin.lora.adapters import merge_adapters

    detector = bundle.detector
    config = transformers_config(
        bundle.model,
        msgspec.json.decode((bundle.language_model / CONFIG).read_bytes()),
        dict(zip(DELIMITERS, _ids_of(detector, DELIMITERS), strict=True)),
    )
    merge_adapters(detector)
    if half:
        detector.half().float()  # what is compared is what is written
    card = msgspec.structs.replace(
        bundle.card, captions=_captions(detector, bundle.card.class_names)
    )
    _write_weights(folder, detector, config, half=half)
    _write_processor(folder, detector.language_model.tokenizer, card)
    write_language_model(folder / LANGUAGE_MODEL, bundle.language_model)
    write_atomically(folder / DETECT, render_text(f"teachers/{DETECT}.j2"))
    write_atomically(folder / CARD, card_text(card))
    _require_equal(folder, detector, card, bundle.images)
    return card


def _ids_of(detector: Any, tokens: Sequence[str] | Mapping[str, int]) -> list[int]:
    found: list[int] = detector.language_model.tokenizer.convert_tokens_to_ids(list(tokens))
    return found


def _captions(detector: Any, class_names: Sequence[str]) -> list[Caption]:
    """Return the prompts that the classes need, and the tokens of each class in its own."""
    by_label, texts, _, names = detector.get_tokens_positive_and_prompts_chunked(class_names)
    captions, start = [], 0
    for tokens, text, own in zip(by_label, texts, names, strict=True):
        places = [list(tokens[label]) for label in range(1, len(own) + 1)]
        captions.append(Caption(text, list(range(start, start + len(own))), places))
        start += len(own)
    return captions


def _write_weights(folder: Path, detector: Any, config: dict[str, Any], *, half: bool) -> None:
    from safetensors.torch import save
    from transformers import MMGroundingDinoConfig

    tensors, unplaced = transformers_tensors(detector.state_dict())
    foreign = [name for name in unplaced if name not in UNPAIRED and not name.endswith(IGNORED)]
    if foreign:
        raise UserError(
            f"{foreign[0]} and {len(foreign) - 1} more tensors have no place in transformers' "
            "model, which would compute something else. Export it for MMDetection: --format mmdet."
        )
    stored = {
        name: (tensor.half() if half and tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in tensors.items()
    }
    write_atomically(folder / WEIGHTS, save(stored, metadata={"format": "pt"}))
    precision = "float16" if half else "float32"
    MMGroundingDinoConfig(**config, architectures=[CLASS], torch_dtype=precision).save_pretrained(
        folder
    )


def _write_processor(folder: Path, tokenizer: Any, card: TeacherCard) -> None:
    from transformers import GroundingDinoImageProcessor, GroundingDinoProcessor

    images = card.preprocessing
    processor = GroundingDinoImageProcessor(
        size={"shortest_edge": min(images.scale), "longest_edge": max(images.scale)},
        image_mean=[value / 255 for value in images.mean],
        image_std=[value / 255 for value in images.std],
    )
    GroundingDinoProcessor(processor, tokenizer).save_pretrained(folder)


def _require_equal(folder: Path, detector: Any, card: TeacherCard, images: Sequence[Path]) -> None:
    """Load what was written and compare it on images, as its own processor prepares them."""
    from PIL import Image
    from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

    twin: Any = AutoModelForZeroShotObjectDetection.from_pretrained(folder, local_files_only=True)
    twin = twin.float().eval()
    processor: Any = AutoProcessor.from_pretrained(folder, local_files_only=True)
    assert not isinstance(card.captions, msgspec.UnsetType)
    for path in images:
        with Image.open(path) as image:
            pixels = processor.image_processor(image.convert("RGB"), return_tensors="pt")
        for caption in card.captions:
            found = compare_outputs(detector, twin, pixels["pixel_values"], caption.text)
            largest, where = found.largest
            # Written so that NaN fails too.
            if not largest <= TOLERANCE:
                raise UserError(
                    f"transformers computes something else than the teacher: {where} differ by "
                    f"{largest:.2g} (at most {TOLERANCE:g}) in {path}, asked for {caption.text!r}. "
                    "Nothing was exported; --format mmdet does not go through transformers."
                )
