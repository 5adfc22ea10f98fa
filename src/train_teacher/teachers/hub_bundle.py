"""A teacher for Hugging Face transformers, without train-teacher and MMDetection."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.errors import UserError
from train_teacher.core.words import plural
from train_teacher.hub.geometry import DELIMITERS, transformers_config
from train_teacher.hub.names import UNPAIRED
from train_teacher.hub.tensors import transformers_tensors
from train_teacher.pages.page import render_text
from train_teacher.runs.folder import CARD
from train_teacher.scores.analysis import DEFAULT_THRESHOLD
from train_teacher.scores.thresholds import DOUBT
from train_teacher.teachers.adapter_folder import fill_adapter
from train_teacher.teachers.card import Caption, TeacherCard, card_text
from train_teacher.teachers.hub_adapter import load_renamed, rename_adapter
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
    """Parts of a bundle."""

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
    from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

    from train_teacher.mmdet_plugin.lora.adapters import merge_adapters

    detector, config = bundle.detector, config_of(bundle)
    merge_adapters(detector)
    if half:
        detector.half().float()  # what is compared is what is written
    card = with_captions(bundle)
    _write_weights(folder, detector, config, half=half)
    _write_processor(folder, detector.language_model.tokenizer, card)
    write_language_model(folder / LANGUAGE_MODEL, bundle.language_model)
    write_atomically(folder / DETECT, detect_text())
    write_atomically(folder / CARD, card_text(card))
    twin: Any = AutoModelForZeroShotObjectDetection.from_pretrained(folder, local_files_only=True)
    processor: Any = AutoProcessor.from_pretrained(folder, local_files_only=True)
    _require_equal(bundle, twin.float().eval(), processor.image_processor, card)
    return card


def detect_text(onnx: str = "") -> str:
    """Return `detect.py`, with the source of its class where that is not transformers'."""
    return render_text(f"teachers/{DETECT}.j2", onnx=onnx, doubt=DOUBT, threshold=DEFAULT_THRESHOLD)


def fill_hub_adapter(
    folder: Path, bundle: HubBundle, checkpoint: Path, *, half: bool = False
) -> TeacherCard:
    """Write an adapter for transformers' copy of the base, as `fill_hub_bundle` writes a model.

    Raises:
        UserError: see there; or the adapter is on layers that transformers does not have.
    """
    from train_teacher.mmdet_plugin.checkpoints.base import read_state_dict

    config, card = config_of(bundle), with_captions(bundle)
    if half:
        for parameter in bundle.detector.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.half().float()
    base = read_state_dict(Path(bundle.model["base_checkpoint"]))
    fill_adapter(folder, bundle.detector, checkpoint, card, half=half)
    rename_adapter(folder, base, card)
    twin = load_renamed(folder, base, config)
    _require_equal(bundle, twin, _image_processor(card), card)
    return card


def config_of(bundle: HubBundle) -> dict[str, Any]:
    """Return the config of transformers' twin.

    Raises:
        UserError: transformers' class cannot hold the model.
    """
    ids = bundle.detector.language_model.tokenizer.convert_tokens_to_ids(list(DELIMITERS))
    bert = msgspec.json.decode((bundle.language_model / CONFIG).read_bytes())
    return transformers_config(bundle.model, bert, dict(zip(DELIMITERS, ids, strict=True)))


def with_captions(bundle: HubBundle) -> TeacherCard:
    """Return a bundle's card with the prompts that its classes need."""
    captions = _captions(bundle.detector, bundle.card.class_names)
    return msgspec.structs.replace(bundle.card, captions=captions)


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
    from transformers import GroundingDinoProcessor

    GroundingDinoProcessor(_image_processor(card), tokenizer).save_pretrained(folder)


def _image_processor(card: TeacherCard) -> Any:
    from transformers import GroundingDinoImageProcessor

    images = card.preprocessing
    return GroundingDinoImageProcessor(
        size={"shortest_edge": min(images.scale), "longest_edge": max(images.scale)},
        image_mean=[value / 255 for value in images.mean],
        image_std=[value / 255 for value in images.std],
    )


def _require_equal(bundle: HubBundle, twin: Any, processor: Any, card: TeacherCard) -> None:
    """Compare what was written and loaded on images, as its own processor prepares them."""
    from PIL import Image

    captions, differences = card.captions or [], [0.0]
    for path in bundle.images:
        with Image.open(path) as image:
            pixels = processor(image.convert("RGB"), return_tensors="pt")["pixel_values"]
        for caption in captions:
            found = compare_outputs(bundle.detector, twin, pixels, caption.text)
            largest, where = found.largest
            # Written so that NaN fails too.
            if not largest <= TOLERANCE:
                raise UserError(
                    f"transformers computes something else than the teacher: {where} differ by "
                    f"{largest:.2g} (at most {TOLERANCE:g}) in {path}, asked for {caption.text!r}. "
                    "Nothing was exported; --format mmdet does not go through transformers."
                )
            differences.append(largest)
    print(  # noqa: T201
        f"compared on {plural(len(bundle.images), 'image')}: boxes (as shares of the image) and "
        f"scores differ from the teacher's by at most {max(differences):.1g}",
        file=sys.stderr,
    )
