"""Choices an expert would make after an hour with the data, each with its fact and source.

Pure: facts and settings in, decisions out. A value that the settings name is never decided.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from train_teacher.config.schedule import (
    MAX_VALIDATIONS,
    PLATEAU_COOLDOWN,
    PLATEAU_PATIENCE,
    PLATEAU_VALIDATIONS,
    Schedule,
    build_schedule,
)
from train_teacher.core.words import plural
from train_teacher.inspection.facts import DatasetInfo, SplitInfo
from train_teacher.inspection.training_scale import (
    DEFAULT_QUERIES,
    SHORT_SIDE,
    least_side,
    training_scales,
)
from train_teacher.settings.schema import TeacherSettings

EFFECTIVE_BATCH = 8
"""Images of an optimizer step: 8 to 16 is what small sets are trained with (training.md 9)."""
FEW_IMAGES = 64
"""Below it, larger steps would leave too few of them in an epoch."""
MOST_VALIDATIONS = 20
FEW_OBJECTS, CROWDED = 30, 100
DENOISING = 100
"""num_dn_queries of the base configs: one group of queries for each image holds that many."""
MANY_DENOISING = 200
RARE_SHARE = 0.02
"""Of the images: classes seen in fewer are drawn more often, by the root rule of LVIS
(Gupta et al. 2019, section 5: repeat factor sqrt(t / f))."""
LONG_TAIL = 20
"""Boxes of the most frequent class over those of the rarest, from which there is a tail."""
MIN_CLASSES_OF_TAIL = 5
ENOUGH_VALIDATIONS = 10
PATIENCE_SHARE = 0.4
LEAST_PATIENCE = 5
FALLS_WITHOUT_GAIN = 2
MIN_DELTA = 0.002
"""MMEngine's default of 0.1 would call 0.30, 0.35, 0.38 no improvement (measured)."""


class Decision(msgspec.Struct, frozen=True):
    """One value, and its reason."""

    name: str
    """Of the setting."""
    value: Any
    reason: str
    """The deciding fact, in a few words."""
    source: str
    """Source of the rule."""
    given: bool = False
    """True when the settings named the value: the rule was not applied."""


def tune(info: DatasetInfo, settings: TeacherSettings) -> tuple[Decision, ...]:
    """Decide the settings left open, in the order of `RULES`; given settings are marked."""
    decisions: list[Decision] = []
    for name, rule in RULES.items():
        given = getattr(settings, name)
        if given is not None:
            by_recipe = name in settings.decided.from_recipe
            source = f"recipe {settings.recipe}" if by_recipe else "settings"
            decisions.append(Decision(name, given, "given", source, given=True))
        else:
            # A later rule sees what an earlier one decided as if it had been given.
            decisions.append(rule(info, with_decisions(settings, decisions)))
    return tuple(decisions)


def with_decisions(settings: TeacherSettings, decisions: Sequence[Decision]) -> TeacherSettings:
    """Return the settings with all decisions filled in."""
    return msgspec.structs.replace(settings, **{d.name: d.value for d in decisions})


def _train(info: DatasetInfo) -> SplitInfo:
    return next(split for split in info.splits if split.name == "train")


def _accumulation(info: DatasetInfo, settings: TeacherSettings) -> Decision:
    images, batch = _train(info).num_images, settings.batch_size * settings.gpus
    parts = max(1, (settings.effective_batch or EFFECTIVE_BATCH) // batch)
    if settings.effective_batch:
        why = f"{batch} images at a time, {batch * parts} in a step: effective_batch"
        return Decision("accumulation", parts, why, "settings")
    if images < FEW_IMAGES:
        parts, why = 1, f"only {images} images: more steps are worth more than larger ones"
    elif parts == 1:
        why = f"{batch} images in a step are enough"
    else:
        why = f"{batch} images at a time, {batch * parts} in an optimizer step"
    return Decision("accumulation", parts, why, "training.md 9: effective batch 8 to 16")


def _train_scales(info: DatasetInfo, settings: TeacherSettings) -> Decision:
    scales = training_scales(info.sizes, _queries(settings), settings.image_scale)
    source = "grounding_dino_swin-t_finetune_8xb4_20e_cat.py"
    if settings.image_scale == "native":
        why, source = _why_native(info, settings, scales[-1][0]), f"{source}, capped at the images'"
    elif settings.image_scale != "recipe":
        why, source = f"--image-scale {settings.image_scale}", "settings"
    else:
        why = f"{_images_and_boxes(info)}: the recipe's scales"
        if scales[-1][0] > SHORT_SIDE:
            why = f"{why}, enlarged for small objects as far as the images show more"
    return Decision("train_scales", [list(scale) for scale in scales], why, source)


def _why_native(info: DatasetInfo, settings: TeacherSettings, top: int) -> str:
    if top < SHORT_SIDE and top == least_side(_queries(settings)):
        return f"{_images_and_boxes(info)}: enlarged until there are as many points as queries"
    return f"{_images_and_boxes(info)}: --image-scale native, near the images' own size"


def _images_and_boxes(info: DatasetInfo) -> str:
    sizes = info.sizes
    image = f"images of {sizes.width_median} x {sizes.height_median}"
    return f"{image}, boxes of {sizes.box_side_median:.0f} pixels"


def _val_scale(info: DatasetInfo, settings: TeacherSettings) -> Decision:
    largest = max(settings.train_scales or (), key=math.prod)
    return Decision(
        "val_scale", list(largest), "the largest scale of training", "the recipe: 800 x 1333"
    )


def _queries(settings: TeacherSettings) -> int:
    return int(settings.architecture.get("model.num_queries", DEFAULT_QUERIES))


def _max_per_img(info: DatasetInfo, settings: TeacherSettings) -> Decision:
    most = info.sizes.boxes_per_image_max
    if most < FEW_OBJECTS:
        value = 100
    elif most <= CROWDED:
        value = 300
    else:
        value = min(_queries(settings), max(300, 2 * most))
    value = min(value, _queries(settings) * max(info.num_classes, 1))
    why = f"at most {most} objects in an image"
    return Decision("max_per_img", value, why, "COCO scores at most 100; twice what is there")


def most_boxes(info: DatasetInfo, settings: TeacherSettings) -> int:
    """Return how many objects a training image can have: MixUp puts those of two into one."""
    return info.sizes.boxes_per_image_max * (2 if settings.augmentation == "fewshot" else 1)


def _denoising_queries(info: DatasetInfo, settings: TeacherSettings) -> Decision:
    most = most_boxes(info, settings)
    fixed = settings.architecture.get("model.dn_cfg.group_cfg.num_dn_queries")
    source = "dino_layers.py: CdnQueryGenerator, num_dn_queries // objects groups, at least one"
    if fixed is not None:
        return Decision("denoising_queries", int(fixed), "the model's own", source, given=True)
    if most <= DENOISING // 2:
        return Decision(
            "denoising_queries", DENOISING, f"at most {most} objects: several groups", source
        )
    if most <= MANY_DENOISING:
        why = f"up to {most} objects in an image: {DENOISING} would leave them one group"
        return Decision("denoising_queries", MANY_DENOISING, why, source)
    why = f"up to {most} objects in an image: one group already takes {2 * most} queries"
    return Decision("denoising_queries", DENOISING, why, source)


def _exif_orientation(info: DatasetInfo, settings: TeacherSettings) -> Decision:
    unturned, shown = info.photos_turned
    source = "mmcv imread: color, color_ignore_orientation"
    if unturned and not shown:
        why = f"{unturned} photos that EXIF turns are labeled unturned, none as displayed"
        return Decision("exif_orientation", "ignore", why, source)
    why = f"{shown} photos are labeled as EXIF displays them" if shown else "no photo is turned"
    return Decision("exif_orientation", "apply", why, source)


def _class_balance(info: DatasetInfo, settings: TeacherSettings) -> Decision:
    train = _train(info)
    counts = [count for count in train.boxes_per_class if count]
    source = "Gupta et al. 2019 (LVIS), ClassBalancedDataset"
    if not info.prompt.fits:
        why = "more classes than one prompt holds: each image has a prompt of its own"
        return Decision("class_balance", 0.0, why, source)
    if len(counts) < MIN_CLASSES_OF_TAIL:
        return Decision("class_balance", 0.0, f"{len(counts)} classes: no tail", source)
    ratio = max(counts) / min(counts)
    rare = sum(count < RARE_SHARE * train.num_images for count in counts)
    if ratio < LONG_TAIL or not rare:
        why = f"{_times(ratio)} boxes of the most as of the least frequent class"
        return Decision("class_balance", 0.0, why, source)
    why = f"{rare} classes in under {RARE_SHARE:.0%} of the images: drawn more often"
    return Decision("class_balance", RARE_SHARE, why, source)


def _early_stopping(info: DatasetInfo, settings: TeacherSettings) -> Decision:
    source = f"validations without a gain of {MIN_DELTA}; MMEngine's own default is 0.1"
    patience = max(LEAST_PATIENCE, round(PATIENCE_SHARE * MOST_VALIDATIONS))
    later = "the fall of the rate"
    if settings.schedule == "plateau":
        # Where the third fall in a row would be due.
        rest = PLATEAU_PATIENCE + 1 + PLATEAU_COOLDOWN
        patience = FALLS_WITHOUT_GAIN * rest + PLATEAU_PATIENCE + 1
        later = f"{FALLS_WITHOUT_GAIN} falls of the rate"
    validations = schedule_of(info, settings).validations
    if validations < ENOUGH_VALIDATIONS:
        why = f"{plural(validations, 'validation')} at most: too few to judge"
        return Decision("early_stopping", 0, why, source)
    val = next((split for split in info.splits if split.name == "val"), None)
    if val is None or not val.num_boxes:
        return Decision("early_stopping", 0, "nothing to validate on", source)
    why = f"stops after {patience} validations without gain, later than {later}"
    return Decision("early_stopping", patience, why, source)


def schedule_of(info: DatasetInfo, settings: TeacherSettings) -> Schedule:
    """Return the schedule of a run whose accumulation is decided."""
    return build_schedule(
        _train(info).num_images,
        settings.batch_size * settings.gpus,
        settings.epochs,
        settings.steps,
        settings.lr,
        accumulation=settings.accumulation or 1,
        val_interval=settings.val_interval,
        most_validations=PLATEAU_VALIDATIONS if settings.schedule == "plateau" else MAX_VALIDATIONS,
    )


def _times(ratio: float) -> str:
    return "about as many" if round(ratio, 1) == 1 else f"{ratio:.2g} times as many"


Rule = Callable[[DatasetInfo, TeacherSettings], Decision]
RULES: Mapping[str, Rule] = {
    "accumulation": _accumulation,
    "train_scales": _train_scales,
    "val_scale": _val_scale,
    "max_per_img": _max_per_img,
    "denoising_queries": _denoising_queries,
    "exif_orientation": _exif_orientation,
    "class_balance": _class_balance,
    "early_stopping": _early_stopping,
}
