"""A trained detector with its preprocessing, from a run folder or a bundle of `export`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from train_teacher.config import merge
from train_teacher.config.model import Override, model_overrides
from train_teacher.config.pipelines import as_labelled, validation_pipeline
from train_teacher.core.errors import UserError
from train_teacher.core.python_files import OPTION, python_files_allowed
from train_teacher.core.terminal_text import plain
from train_teacher.engine import machine, runner
from train_teacher.images.tiles import Tiling, Window, tiling_of
from train_teacher.inspection.facts import DatasetInfo, PromptInfo
from train_teacher.runs.folder import CARD, RunFolder
from train_teacher.scores.detections import ImageDetections, in_whole_images, joined
from train_teacher.settings.schema import TeacherSettings
from train_teacher.teachers import adapter_folder, standalone_model
from train_teacher.teachers.card import TeacherCard
from train_teacher.teachers.run_config import run_config

if TYPE_CHECKING:
    from mmengine.config import Config
    from torch import nn

Transforms = Sequence[Mapping[str, Any]]
Pixels = npt.NDArray[np.uint8]
"""(height, width, 3) RGB."""
MOST_IN_PROMPT = 10_000
"""More classes than any prompt holds: where a prompt ends is left to its tokens."""


@dataclass(frozen=True)
class TeacherModel:
    """A detector that is ready for prediction."""

    detector: Any
    """MMDetection's, or what has its `test_step`."""
    pipeline: Transforms
    """Validation transforms, without the labels."""
    batch_size: int
    """Of validation, which scores depend on in the last digits."""
    tiling: Tiling | None = None
    """Tiles in which larger images are looked at a second time."""

    @property
    def turns_photos(self) -> bool:
        """True when photos are turned as EXIF says before prediction."""
        return self.pipeline[0].get("color_type") != "color_ignore_orientation"

    def without_adapters(self) -> AbstractContextManager[None]:
        """Compute what the base computes, within the context."""
        from train_teacher.mmdet_plugin.lora.adapters import without_adapters

        return without_adapters(self.detector)

    def detect(
        self, images: Sequence[Path | Pixels], class_names: Sequence[str], *, workers: int = 0
    ) -> Iterator[ImageDetections | UnreadableImage]:
        """Detect phrases in images, in order; a label is a position among the phrases.

        Detections are sorted, best first.
        """
        _fit_prompts(self.detector, class_names)
        for image, found in zip(images, self._look(images, class_names, workers), strict=True):
            if self.tiling is None or isinstance(found, UnreadableImage):
                yield found
            else:
                windows = self.tiling.windows(found.width, found.height)
                yield self._with_tiles(image, found, windows, class_names) if windows else found

    def _with_tiles(
        self,
        image: Path | Pixels,
        whole: ImageDetections,
        windows: Sequence[Window],
        class_names: Sequence[str],
    ) -> ImageDetections:
        """Add what is found in the tiles; large objects are those of the whole image."""
        pixels: Any = image
        if isinstance(image, Path):
            pixels = _Images([image], self.pipeline[:1], class_names)[0]["img"][..., ::-1]
        tiles = [pixels[top:bottom, left:right] for left, top, right, bottom in windows]
        found = [whole, *self._look(tiles, class_names)]
        corners = {n: (0, *window[:2]) for n, window in enumerate([(0, 0), *windows])}
        most = self.detector.test_cfg["max_per_img"]
        once = in_whole_images(joined(range(len(found)), found), corners, most)
        return replace(whole, label=once.label, score=once.score, box=once.box)

    def _look(
        self, images: Sequence[Path | Pixels], class_names: Sequence[str], workers: int = 0
    ) -> Iterator[Any]:
        """Look at whole images."""
        import torch
        from torch.utils.data import DataLoader

        loader: Any = DataLoader(
            _Images(images, self.pipeline, class_names),  # type: ignore[arg-type]
            batch_size=self.batch_size,
            num_workers=workers,
            collate_fn=list,
        )
        for items in loader:
            sound = [item for item in items if not isinstance(item, UnreadableImage)]
            samples: list[Any] = []
            if sound:
                batch = {
                    name: [item[name] for item in sound] for name in ("inputs", "data_samples")
                }
                with torch.no_grad():
                    samples = self.detector.test_step(batch)
            results = iter(samples)
            for item in items:
                yield item if isinstance(item, UnreadableImage) else _found(next(results))


@dataclass(frozen=True)
class UnreadableImage:
    """An image that cannot be read."""

    path: str
    reason: str


class _Images:
    """The images as a data set for PyTorch's DataLoader."""

    def __init__(
        self, images: Sequence[Path | Pixels], pipeline: Transforms, class_names: Sequence[str]
    ) -> None:
        from mmengine.dataset import Compose

        self._images = images
        self._transform = Compose([dict(step) for step in pipeline])
        self._class_names = tuple(class_names)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Any:
        from train_teacher.mmdet_plugin.samples.load_image import UnreadableImageError

        image = self._images[index]
        # CocoDataset's return_classes gives the last two.
        asked = {"img_id": index, "text": self._class_names, "custom_entities": True}
        if not isinstance(image, Path):
            size = image.shape[:2]
            pixels = np.ascontiguousarray(image[..., ::-1])  # BGR, as a file is read
            sample: Any = {**asked, "img": pixels, "img_path": None, "img_shape": size}
            sample["ori_shape"] = size
            for step in self._transform.transforms[1:]:
                sample = step(sample)
            return sample
        try:
            return self._transform({**asked, "img_path": str(image)})
        except UnreadableImageError as error:
            return UnreadableImage(error.path, error.reason)


def _found(sample: Any) -> ImageDetections:
    height, width = sample.ori_shape[:2]
    found = sample.pred_instances.cpu()
    return ImageDetections(
        width=int(width),
        height=int(height),
        label=found.labels.numpy().astype(np.int64),
        score=found.scores.numpy().astype(np.float64),
        box=found.bboxes.numpy().astype(np.float64),
    )


def _fit_prompts(detector: Any, class_names: Sequence[str]) -> None:
    """Use several prompts where the classes do not fit into one."""
    if not hasattr(detector, "check_prompts"):
        return  # MMDetection's own detector, in a merged bundle
    try:
        detector.check_prompts(class_names, one_prompt=True)
    except UserError:
        detector.check_prompts(class_names, one_prompt=False)
        if int(detector.test_cfg.get("chunked_size", -1)) <= 0:
            detector.test_cfg["chunked_size"] = MOST_IN_PROMPT


def load_run(
    folder: RunFolder,
    settings: TeacherSettings,
    info: DatasetInfo,
    checkpoint: Path | None,
    device: str,
    *,
    with_adapters: bool = False,
) -> TeacherModel:
    """Build the teacher of a run folder; without a checkpoint the base that the run started from.

    The base has adapters only where they are asked for, and those do nothing yet.

    Raises:
        UserError: the base is missing or another one, or the checkpoint is damaged.
    """
    runner.silence_logger()
    config = run_config(folder, settings, info)
    validation = config.val_dataloader
    pipeline = validation.dataset.to_dict()["pipeline"]
    batch_size = int(validation.batch_size)
    if checkpoint is None:
        if config.model.get("base_checkpoint") is None:
            raise UserError(f"{folder.root}: was trained from random weights: it has no base.")
        # Without adapters the base computes what it computes alone, bit for bit.
        if not with_adapters:
            config.model.pop("lora", None)
    detector = standalone_model.build_trained_detector(config, checkpoint)
    return _ready(detector, pipeline, batch_size, device, settings)


def load_bundle(
    folder: Path, card: TeacherCard, settings: TeacherSettings, device: str, *, base: bool = False
) -> TeacherModel:
    """Build the teacher of a bundle, or its base without the training.

    Raises:
        UserError: a file is missing or damaged, or the base is another one.
    """
    runner.silence_logger()
    adapter = (folder / adapter_folder.WEIGHTS).is_file()
    if adapter or base:
        # The adapter's own config says where it goes.
        settings = msgspec.structs.replace(settings, tune="frozen")
    config = _detector_config(card.class_names, _prompt_facts(card), settings)
    detector = standalone_model.build_trained_detector(
        config, None if adapter or base else folder / adapter_folder.CHANGES
    )
    if adapter and not base:
        adapter_folder.attach_adapter(detector, folder)
    return _ready(detector, pipeline_of(settings), 1, device, settings)


def load_base(
    class_names: Sequence[str], prompt: PromptInfo, settings: TeacherSettings, device: str
) -> TeacherModel:
    """Build the base that a run with these settings would start from.

    Raises:
        UserError: the base is damaged or does not fit.
    """
    runner.silence_logger()
    settings = msgspec.structs.replace(settings, tune="frozen")
    config = _detector_config(class_names, prompt, settings)
    detector = standalone_model.build_trained_detector(config, None)
    batch_size = settings.val_batch_size or machine.choose_validation_batch(device)
    return _ready(detector, pipeline_of(settings), batch_size, device, settings)


def _detector_config(
    class_names: Sequence[str], prompt: PromptInfo, settings: TeacherSettings
) -> Config:
    """Return a config whose `model` is the detector."""
    import train_teacher.mmdet_plugin  # noqa: F401 - registers the detector

    reasons = {"max_per_img": "", "denoising_queries": ""}
    changes = (Override(key, value, "", free=True) for key, value in settings.set.items())
    overrides = (*model_overrides(class_names, prompt, settings, reasons), *changes)
    return merge.merge_overrides(settings.base_config, overrides)


def pipeline_of(settings: TeacherSettings) -> Transforms:
    """Return the transforms of validation."""
    return as_labelled(
        validation_pipeline(settings.val_scale or [], settings.validation_resize),
        settings.exif_orientation,
    )


def load_merged(
    folder: Path, card: TeacherCard, settings: TeacherSettings, device: str
) -> TeacherModel:
    """Build the teacher of a bundle that `export --merge` wrote.

    Its `config.py` is run only where the user allowed that.

    Raises:
        UserError: a file is missing or damaged.
    """
    from mmengine.config import Config
    from transformers import logging

    import train_teacher.mmdet_plugin  # noqa: F401 - stands in for a missing compiled mmcv

    runner.silence_logger()
    # It reports every tensor that model.pth brings and the language model's folder does not.
    logging.set_verbosity_error()
    standalone_model.refuse_own_code(folder / standalone_model.LANGUAGE_MODEL)
    path = folder / standalone_model.CONFIG
    if python_files_allowed():
        config = Config.fromfile(path)
        pipeline = config.test_dataloader.dataset.to_dict()["pipeline"]
    else:
        of_run = _detector_config(card.class_names, _prompt_facts(card), settings)
        model = standalone_model.plain_model(settings, of_run.model.to_dict())
        pipeline = pipeline_of(settings)
        _note_other_text(path, standalone_model.plain_config(model, pipeline, card.class_names))
        model["language_model"]["name"] = settings.language_model
        config = Config({"model": model})
    own = [
        {**step, "type": "LoadPicture"} if step["type"] == "LoadImageFromFile" else step
        for step in pipeline
    ]
    detector = standalone_model.build_trained_detector(config, folder / standalone_model.WEIGHTS)
    return _ready(detector, own, 1, device, settings)


def _note_other_text(path: Path, expected: str) -> None:
    if path.read_text(encoding="utf-8", errors="replace") != expected:
        note = (
            f"note: {path} was edited, or written by another version, and is not run: the model is "
            f"built from {CARD}. {OPTION} runs it."
        )
        sys.stderr.write(f"{plain(note)}\n")


def _prompt_facts(card: TeacherCard) -> PromptInfo:
    if card.prompt_facts is None:
        raise UserError(
            "teacher.json was written by an older train-teacher, which did not say how to rebuild "
            "the detector. Export the run again: teacher export RUN --output DIR."
        )
    return card.prompt_facts


def _ready(
    detector: nn.Module,
    pipeline: Transforms,
    batch_size: int,
    device: str,
    settings: TeacherSettings,
) -> TeacherModel:
    detector.requires_grad_(False)
    if device == "cpu":
        machine.prepare_cpu()
    tiling = tiling_of(settings.tile, settings.overlap)
    return TeacherModel(detector.to(device).eval(), unlabelled(pipeline), batch_size, tiling)


def unlabelled(pipeline: Transforms) -> Transforms:
    """Return the transforms for an image without labels."""
    return [step for step in pipeline if step["type"] != "LoadAnnotations"]
