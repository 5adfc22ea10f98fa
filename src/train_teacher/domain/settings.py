"""Every setting of a run, once: it feeds the command line, the YAML files and their checks."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from train_teacher.domain.errors import UsageError
from train_teacher.domain.recipes import (
    AugmentationName,
    ScheduleName,
    augmentation_problems,
    optimizer_problems,
    schedule_problems,
)

Tune = Literal["frozen", "lora", "full"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
Device = Literal["auto", "cpu", "cuda"]
FreezablePart = Literal["backbone", "language_model", "neck", "encoder", "decoder"]
PositiveInt = Annotated[int, Meta(ge=1)]
PositiveFloat = Annotated[float, Meta(gt=0)]
ImageScale = Annotated[list[int], Meta(min_length=2, max_length=2)]


class TeacherSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is made of; a field's description is its help text and its documentation."""

    data: Annotated[
        str,
        Meta(description="COCO JSON, or a folder with train/valid/test sub-folders (Roboflow)."),
    ]
    output: Annotated[str, Meta(description="Run folder to create; a used one is refused.")]
    val: Annotated[
        str | None, Meta(description="COCO JSON to validate on; without it a part of --data.")
    ] = None
    test: Annotated[str | None, Meta(description="COCO JSON kept for the final test.")] = None
    images: Annotated[
        str | None, Meta(description="Folder of the pictures; found by itself when left out.")
    ] = None
    split: Annotated[
        str, Meta(description="Shares of train/val/test when --data is split by us.")
    ] = "0.7/0.15/0.15"
    group_by: Annotated[
        str,
        Meta(
            description="Images that stay in one split: auto (copies, near duplicates, videos), "
            "none, folder, field:NAME of the image records, regex:PATTERN in the file name."
        ),
    ] = "auto"
    seed: Annotated[
        int, Meta(ge=0, le=2**31 - 1, description="Seed of the split, the sampling and the model.")
    ] = 0
    prompts: Annotated[
        dict[str, str], Meta(description="Phrase the model reads for a class, NAME=PHRASE.")
    ] = {}

    model: Annotated[
        str,
        Meta(
            description="Preset: swin-t, swin-b, swin-l, grounding-dino-swin-t, "
            "grounding-dino-swin-b, demo, or the path of your own YAML."
        ),
    ] = "swin-t"
    base_config: Annotated[
        str, Meta(description="MMDetection config that the preset starts from.")
    ] = "mm_grounding_dino/grounding_dino_swin-t_finetune_8xb4_20e_cat.py"
    architecture: Annotated[
        dict[str, Any], Meta(description="Dotted keys that change the base config's model.")
    ] = {}
    checkpoint: Annotated[
        str | None,
        Meta(description="What --weights auto means: an address, or a file beside the preset."),
    ] = None
    weights: Annotated[
        str, Meta(description="Base weights: auto, none, a file or an http(s) address.")
    ] = "auto"
    language_model: Annotated[
        str, Meta(description="BERT: a folder with config.json and vocab.txt, or a cached name.")
    ] = "bert-base-uncased"

    tune: Annotated[
        Tune,
        Meta(
            description="frozen: backbone and language model are frozen; "
            "lora: everything is, and small adapters are trained; "
            "full: only what --freeze names is frozen."
        ),
    ] = "frozen"
    freeze: Annotated[
        list[FreezablePart],
        Meta(description="Further parts to freeze: backbone, language_model, ..."),
    ] = []
    lora_rank: Annotated[PositiveInt, Meta(description="Rank of the adapters (--tune lora).")] = 16
    lora_alpha: Annotated[
        PositiveInt | None,
        Meta(description="Adapters are scaled by lora_alpha / lora_rank; twice the rank."),
    ] = None
    lora_dropout: Annotated[
        float, Meta(ge=0, lt=1, description="Dropout before the adapters; 0.05 for tiny sets.")
    ] = 0.0
    lora_dora: Annotated[
        bool, Meta(description="DoRA: also learn the length of each weight row; slower.")
    ] = False
    lora_rslora: Annotated[
        bool, Meta(description="Scale by the square root of the rank; for ranks from 64 on.")
    ] = False
    lora_targets: Annotated[
        list[str],
        Meta(
            description="Modules that get adapters: encoder, text_layers, fusion, decoder (these "
            "when left out), attention, backbone, language_model, or ends of module names."
        ),
    ] = []
    lora_lr_factor: Annotated[
        PositiveFloat, Meta(description="Learning rate of the adapters as a multiple of --lr.")
    ] = 2.0

    epochs: Annotated[
        PositiveInt | None,
        Meta(description="Passes over the training images; chosen from their number."),
    ] = None
    steps: Annotated[
        PositiveInt | None,
        Meta(description="Optimizer steps instead of --epochs, rounded to epochs."),
    ] = None
    batch_size: Annotated[
        int,
        Meta(
            ge=1,
            description="Images per optimizer step; auto: the preset's, in parts that a GPU holds.",
        ),
    ] = 4
    fit_batch: Annotated[
        bool, Meta(description="What --batch-size auto sets: a step's images may go in parts.")
    ] = False
    checkpoint_layers: Annotated[
        Literal["auto"] | Annotated[int, Meta(ge=0)],
        Meta(
            description="Encoder layers recomputed to save memory: auto (0, 3 or 6, by a probe "
            "step on a GPU) or a number."
        ),
    ] = "auto"
    lr: Annotated[
        PositiveFloat | None,
        Meta(description="Peak learning rate; square-root rule of the batch size."),
    ] = None
    backbone_lr_factor: Annotated[
        float, Meta(ge=0, description="Backbone learning rate as a share of --lr (--tune full).")
    ] = 0.1
    weight_decay: Annotated[float, Meta(ge=0, description="Weight decay.")] = 1e-4
    optimizer: Annotated[
        dict[str, Any],
        Meta(
            description="Optimizer, `type` and arguments; lr and weight_decay stand by themselves."
        ),
    ] = msgspec.field(default_factory=lambda: {"type": "AdamW"})
    schedule: Annotated[
        ScheduleName | list[dict[str, Any]],
        Meta(
            description="Learning rate over time: multistep (one drop), cosine, constant, each "
            "after a warm-up; or a list of MMEngine's own param_scheduler entries."
        ),
    ] = "multistep"
    clip_grad: Annotated[float, Meta(gt=0, description="Largest gradient norm.")] = 0.1
    rounds: Annotated[
        PositiveInt | None,
        Meta(description="Passes over the images in one epoch; more for small sets."),
    ] = None
    accumulation: Annotated[
        PositiveInt | None,
        Meta(description="Batches of an optimizer step; chosen so that it sees about 8 images."),
    ] = None
    early_stopping: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="Validations without gain after which the run ends; 0: never."),
    ] = None
    class_balance: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(description="Classes in a smaller share of the images are drawn more often; 0: none."),
    ] = None
    train_scales: Annotated[
        Annotated[list[ImageScale], Meta(min_length=1)] | None,
        Meta(description="Image sizes to draw from in training, [short, long]; from the pictures."),
    ] = None
    augmentation: Annotated[
        AugmentationName | list[dict[str, Any]],
        Meta(
            description="official (flip, crop), flip_only, none, or a list of MMDetection's "
            "transforms that stand between loading and resizing."
        ),
    ] = "official"
    random_crop: Annotated[
        bool,
        Meta(description="The crop of augmentation: official, for half of the training images."),
    ] = True
    val_scale: Annotated[
        ImageScale | None,
        Meta(description="Image size for validation, [short, long]; the largest of training."),
    ] = None
    validation_resize: Annotated[
        Literal["cv2", "pillow"],
        Meta(
            description="Reads and resizes pictures at validation: cv2 as in training, or pillow, "
            "slower, as the published scores were made with."
        ),
    ] = "cv2"
    val_batch_size: Annotated[
        PositiveInt | None,
        Meta(description="Pictures of one size validated at once; chosen from the device."),
    ] = None
    max_per_img: Annotated[
        PositiveInt | None,
        Meta(description="Boxes kept per image at validation; from the objects in a picture."),
    ] = None
    exif_orientation: Annotated[
        Literal["apply", "ignore"] | None,
        Meta(description="Whether photos are turned as EXIF says; as they were labelled."),
    ] = None
    denoising_queries: Annotated[
        PositiveInt | None,
        Meta(
            description="Queries that learn from disturbed labels; from the objects in a picture."
        ),
    ] = None
    workers: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="Data loading processes; chosen from cores and images."),
    ] = None
    evaluate_before: Annotated[
        bool, Meta(description="Validate the base weights first, to see what training gained.")
    ] = True
    retain: Annotated[
        str | None,
        Meta(description="COCO JSON of other things, scored before and after: what was forgotten."),
    ] = None
    retain_images: Annotated[
        str | None, Meta(description="Folder of the pictures of --retain; found by itself.")
    ] = None
    retain_drop: Annotated[
        float, Meta(ge=0, le=1, description="Loss of mAP on --retain that is a warning.")
    ] = 0.02
    preflight: Annotated[
        bool,
        Meta(description="Try a step, a validation picture and the disk before training; undo it."),
    ] = True
    precision: Annotated[
        Precision, Meta(description="Number format: auto is bf16 on a GPU that has it, else fp32.")
    ] = "auto"
    device: Annotated[Device, Meta(description="auto uses a GPU when there is one.")] = "auto"
    gpus: Annotated[
        int, Meta(ge=1, le=64, description="Training processes, one for each GPU (torchrun).")
    ] = 1
    tensorboard: Annotated[
        bool, Meta(description="Also log to TensorBoard, in RUN/vis_data (extra: tensorboard).")
    ] = False
    wandb: Annotated[
        str | None, Meta(description="Also log to this Weights & Biases project (extra: wandb).")
    ] = None
    set: Annotated[
        dict[str, Any], Meta(description="Dotted keys of the generated config, set last.")
    ] = {}
    chosen: Annotated[
        list[str],
        Meta(description="Settings in this file that train-teacher chose itself."),
    ] = []


FIELD_TYPES: Mapping[str, Any] = get_type_hints(TeacherSettings, include_extras=True)
REQUIRED = ("data", "output")
# A preset describes a model; where the data lies and where the run goes is the user's.
RUN_ONLY = frozenset(
    {"data", "output", "val", "test", "images", "model", "retain", "retain_images"}
)


@dataclass(frozen=True)
class SettingsLayer:
    """Settings from one place, such as a YAML file or the command line."""

    source: str
    """Where they were written, for messages."""
    values: Mapping[str, Any]
    lines: Mapping[str, int] | None = None
    """Line number by key, for a file."""


def field_help(name: str) -> str:
    """Return the one-sentence description of a setting."""
    for extra in get_args(FIELD_TYPES[name])[1:]:
        if isinstance(extra, Meta) and extra.description:
            return extra.description
    raise KeyError(name)


def merge_settings(layers: Sequence[SettingsLayer]) -> TeacherSettings:
    """Check and merge settings, the last layer winning.

    Mappings (`architecture`, `prompts`, `set`, `optimizer`) are merged key by key;
    everything else is replaced, and so is an optimizer by one of another type.

    Args:
        layers: from the weakest (preset) to the strongest (command line).

    Returns:
        The complete settings.

    Raises:
        UsageError: with every unknown key, wrong type and contradiction of all layers together.
    """
    merged: dict[str, Any] = {}
    problems: list[str] = []
    for given in layers:
        layer = _fitting_batch(given)
        found = {key: _problem_of(layer, key, value) for key, value in layer.values.items()}
        problems += [problem for problem in found.values() if problem]
        sound = {key: value for key, value in layer.values.items() if not found[key]}
        _merge_layer(merged, layer, sound)
    missing = [name for name in REQUIRED if name not in merged]
    problems += [f"--{name} is missing: {field_help(name)}" for name in missing]
    if not missing:
        problems += _contradictions(merged)
    if problems:
        raise UsageError("\n".join(problems))
    return msgspec.convert(merged, TeacherSettings)


def merge_values(layers: Sequence[SettingsLayer]) -> dict[str, Any]:
    """Merge layers as `merge_settings` does, checking nothing.

    Args:
        layers: from the weakest to the strongest.
    """
    merged: dict[str, Any] = {}
    for given in layers:
        layer = _fitting_batch(given)
        _merge_layer(merged, layer, layer.values)
    return merged


def _merge_layer(merged: dict[str, Any], layer: SettingsLayer, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        merged[key] = _combined(key, merged.get(key), value)
    _one_length_rule(merged, layer)
    _forget_chosen(merged, layer)


def _combined(key: str, weaker: object, stronger: Any) -> Any:
    if not isinstance(stronger, Mapping) or not isinstance(weaker, Mapping):
        return stronger
    if key == "optimizer" and stronger.get("type", weaker.get("type")) != weaker.get("type"):
        return stronger  # `betas` mean nothing to SGD
    return {**weaker, **stronger}


def _forget_chosen(merged: dict[str, Any], layer: SettingsLayer) -> None:
    """Count what a layer names as its user's choice, although an earlier run had chosen it."""
    if "chosen" in layer.values or not isinstance(merged.get("chosen"), list):
        return
    given = set(layer.values) | ({"epochs"} if "steps" in layer.values else set())
    merged["chosen"] = [name for name in merged["chosen"] if name not in given]


def _fitting_batch(layer: SettingsLayer) -> SettingsLayer:
    """Read `batch_size: auto` as the weaker layers' batch, in parts that fit; a number as whole."""
    values = dict(layer.values)
    if values.get("batch_size") == "auto":
        del values["batch_size"]
        values["fit_batch"] = True
    elif "batch_size" in values:
        values.setdefault("fit_batch", False)
    return SettingsLayer(layer.source, values, layer.lines)


def _one_length_rule(merged: dict[str, Any], layer: SettingsLayer) -> None:
    """Let a stronger layer's `epochs` replace a weaker one's `steps`, and the reverse."""
    for winner, loser in (("epochs", "steps"), ("steps", "epochs")):
        if layer.values.get(winner) is not None and layer.values.get(loser) is None:
            merged.pop(loser, None)


def _problem_of(layer: SettingsLayer, key: str, value: object) -> str | None:
    place = layer.source
    if layer.lines and key in layer.lines:
        place = f"{place}, line {layer.lines[key]}"
    if key not in FIELD_TYPES:
        near = difflib.get_close_matches(str(key), FIELD_TYPES, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else f" Known keys: {', '.join(FIELD_TYPES)}."
        return f"{place}: {key!r} is not a setting.{hint}"
    try:
        msgspec.convert(value, FIELD_TYPES[key])
    except msgspec.ValidationError as error:
        return f"{place}: {key}: {_wrong_word(key, value) or _readable(error, value)}"
    return None


def _wrong_word(key: str, value: object) -> str | None:
    """Return what may stand instead of a word, for settings that know a few words."""
    words = list(_words(FIELD_TYPES[key]))
    if not words or not isinstance(value, str):
        return None
    near = difflib.get_close_matches(value, words, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{value!r} is not one of {', '.join(words)}.{hint}"


def _words(kind: Any) -> Iterator[str]:
    for part in get_args(kind):
        if get_origin(kind) is Literal:
            yield part
        elif not isinstance(part, Meta):
            yield from _words(part)


def _readable(error: msgspec.ValidationError, value: object) -> str:
    text = str(error)
    path = ""
    if " - at `$" in text:
        text, _, tail = text.partition(" - at `$")
        path = tail.rstrip("`")
    text = re.sub(r"^Expected", "expected", text).replace("`", "")
    shown = repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."  # noqa: PLR2004 - one line of a terminal
    return f"{text}{' at ' + path if path else ''} (value: {shown})"


def _contradictions(merged: Mapping[str, Any]) -> list[str]:
    problems = _recipe_problems(merged)
    if merged.get("epochs") is not None and merged.get("steps") is not None:
        problems.append("epochs and steps were both given: keep one of them.")
    if merged.get("precision") in ("bf16", "fp16") and merged.get("device") == "cpu":
        problems.append(
            f"precision {merged['precision']} needs a GPU, but device is cpu: "
            "drop --precision or use --device cuda."
        )
    both = set(merged.get("freeze", ())) & set(merged.get("lora_targets", ()))
    if merged.get("tune") == "lora" and both:
        part = min(both)
        problems.append(f"{part} is in freeze and in lora_targets: keep it in one of them.")
    return problems


def _recipe_problems(merged: Mapping[str, Any]) -> list[str]:
    unknown = [name for name in merged.get("chosen", ()) if name not in FIELD_TYPES]
    return [
        *optimizer_problems(merged.get("optimizer", {}), lr_given=merged.get("lr") is not None),
        *schedule_problems(merged.get("schedule", "multistep")),
        *augmentation_problems(merged.get("augmentation", "official")),
        *(f"chosen: {name!r} is not a setting." for name in unknown),
    ]
