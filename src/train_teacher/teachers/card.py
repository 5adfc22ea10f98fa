"""`teacher.json`: the origin of an adapter, with which it can be loaded or refused years later."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from train_teacher.config.model import frozen_parts
from train_teacher.core.errors import UserError
from train_teacher.core.installed import installed_version
from train_teacher.core.json_file import refuse_later_format
from train_teacher.inspection.facts import DatasetInfo, PromptInfo
from train_teacher.reports.final_scores import FinalScores
from train_teacher.reports.summary import RunSummary
from train_teacher.runs.folder import CARD
from train_teacher.scores.thresholds import Thresholds
from train_teacher.settings.layers import SettingsLayer, merge_settings
from train_teacher.settings.schema import FreezablePart, TeacherSettings, Tune

FORMAT = 2
"""1 had no `thresholds`."""
PACKAGES = ("train-teacher", "mmdet", "mmengine", "torch", "transformers", "peft")
"""They decide what a model computes."""


class CardSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings that a detector and its preprocessing are built from, typed by `TeacherSettings`.

    Paths are not among them: the place of a data set is private.
    """

    base_config: str | UnsetType = UNSET
    architecture: dict[str, Any] | UnsetType = UNSET
    tune: Tune | UnsetType = UNSET
    freeze: list[FreezablePart] | UnsetType = UNSET
    max_per_img: int | UnsetType | None = UNSET
    denoising_queries: int | UnsetType | None = UNSET
    val_scale: list[int] | UnsetType | None = UNSET
    exif_orientation: Literal["apply", "ignore"] | UnsetType | None = UNSET
    tile: int | UnsetType = UNSET
    overlap: float | UnsetType = UNSET
    validation_resize: Literal["cv2", "pillow"] | UnsetType = UNSET
    set: dict[str, Any] | UnsetType = UNSET
    """Changes to the model."""


class BaseFile(msgspec.Struct, frozen=True):
    """The base checkpoint that the adapter belongs to."""

    name: str
    sha256: str


class Preprocessing(msgspec.Struct, frozen=True):
    """Preparation of an image before the model sees it."""

    scale: list[int]
    """[short, long] side in pixels at validation; the ratio is kept."""
    mean: list[float]
    """Per channel, 0 to 255."""
    std: list[float]
    channels: str
    """Order of the channels in the model's input."""
    pad_size_divisor: int


class Caption(msgspec.Struct, frozen=True):
    """One prompt of a bundle for transformers."""

    text: str
    classes: list[int]
    """Labels of the classes in it."""
    tokens: list[list[int]]
    """Places of the tokens of each."""


class TeacherCard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of `teacher.json`."""

    format: int = FORMAT
    base: BaseFile | None
    """None: trained from random weights."""
    adapter_sha256: str = ""
    """Of adapter_model.safetensors."""
    model: str
    """Preset."""
    base_config: str
    architecture: dict[str, Any]
    language_model: str
    """Name of its folder; its path is private."""
    tune: str
    frozen: list[str]
    class_names: list[str]
    class_prompts: dict[str, str]
    prompt: str
    """The caption that the model reads."""
    preprocessing: Preprocessing
    metrics: dict[str, Any]
    """Validation before training and at the best epoch, and the test split once it is scored."""
    versions: dict[str, str]
    captions: list[Caption] | UnsetType = UNSET
    """Of a bundle for transformers: several where the classes need more than 256 tokens."""
    canvas: list[int] | UnsetType = UNSET
    """Of an ONNX bundle: height and width of its input."""
    prompt_facts: PromptInfo | None = None
    settings: CardSettings = CardSettings()
    score_threshold: float | None = None
    """Score that balances precision and recall on the validation split."""
    blend: float | UnsetType = UNSET
    """Share of the training in a blend of `teacher blend`; the rest is the base."""
    thresholds: Thresholds | None = None
    """Counts of the validation split from which each class has its score for a precision."""


def describe_teacher(
    info: DatasetInfo,
    settings: TeacherSettings,
    summary: RunSummary,
    *,
    base: BaseFile | None,
    preprocessing: Preprocessing,
    score_threshold: float | None = None,
    thresholds: Thresholds | None = None,
    test: FinalScores | None = None,
    blend: float | None = None,
) -> TeacherCard:
    """Collect the facts of a run about its teacher."""
    rebuilt = {name: getattr(settings, name) for name in CardSettings.__struct_fields__}
    changed = {key: value for key, value in settings.set.items() if key.startswith("model.")}
    return TeacherCard(
        base=base,
        model=settings.model,
        base_config=settings.base_config,
        architecture=dict(settings.architecture),
        language_model=PurePath(settings.language_model).name,
        tune=settings.tune,
        frozen=list(frozen_parts(settings)),
        class_names=list(info.class_names),
        class_prompts=info.phrases,
        prompt=info.prompt.text,
        preprocessing=preprocessing,
        metrics={"before": summary.before, "best": summary.best, "test": test},
        versions={name: found for name in PACKAGES if (found := installed_version(name))},
        prompt_facts=info.prompt,
        settings=CardSettings(**{**rebuilt, "set": changed}),
        score_threshold=score_threshold,
        blend=UNSET if blend is None else blend,
        thresholds=thresholds,
    )


def detector_settings(
    card: TeacherCard, weights: str, language_model: str, place: str = CARD
) -> TeacherSettings:
    """Return the settings that the teacher's detector is built from; `place` is for messages.

    Raises:
        UsageError: the card is not one that this version can build from.
    """
    values = {
        **msgspec.to_builtins(card.settings),
        "model": card.model,
        "weights": weights,
        "language_model": language_model,
        "prompts": card.class_prompts,
        # Of a run only; nothing is read there.
        "data": "",
        "output": "",
    }
    return merge_settings([SettingsLayer(f"{place}, settings", values)])


def card_text(card: TeacherCard) -> str:
    """Return `teacher.json`."""
    return msgspec.json.format(msgspec.json.encode(card), indent=2).decode() + "\n"


def parse_card(content: bytes, place: str) -> TeacherCard:
    """Read `teacher.json`.

    Raises:
        UserError: it is damaged, or of a later version of train-teacher.
    """
    refuse_later_format(content, place, FORMAT)
    try:
        card = msgspec.json.decode(content, type=TeacherCard)
    except msgspec.MsgspecError as error:
        raise UserError(
            f"{place}: is damaged or not written by train-teacher: {error}. No teacher is built "
            "from it; export the run again: teacher export RUN --output DIR."
        ) from error
    return card
