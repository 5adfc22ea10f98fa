"""`--recipe auto`: which recipe fits the data and the machine, and why.

Pure: facts in, a decision out.
"""

from __future__ import annotations

from statistics import median

from train_teacher.config.auto_model import BASES, GIB
from train_teacher.config.data_driven import Decision
from train_teacher.config.expected_memory import ALL_RECOMPUTED, step_bytes
from train_teacher.inspection.facts import DatasetInfo
from train_teacher.settings.recipe_files import OFFICIAL
from train_teacher.settings.schema import AUTO, TeacherSettings, Tune

FEWSHOT = "fewshot"
FEW_BOXES = 15
"""Labeled, a class: FT-FSOD's figures are of up to 10 to train on, and some validate."""
FEW_IMAGES = 200
"""100 epochs of more take longer than what the official recipe gives a small set."""
PUBLISHED_FOR = frozenset({AUTO, *(base.preset for base in BASES)})
"""Presets of the model `fewshot` was published for; on the demo it did not win (recipes.md)."""
SOURCE = "FT-FSOD (CVPR 2026); docs/how-to/recipes.md"
FINDS_NOTHING = 0.02
"""mAP of a base under which `tune: full` won on drawings (recipes.md: 0.002 to 0.019 on 10 to 25
images; with 0.031 to 0.084 it did not)."""
FINDS_MOST = 0.6
"""mAP that few boxes can hardly raise: all of the base would be trained for nothing."""


def is_small(info: DatasetInfo) -> bool:
    """Say whether there is as little to train on as `fewshot` was published for."""
    boxes, images = _boxes_and_images(info)
    return boxes <= FEW_BOXES and images <= FEW_IMAGES


def choose_recipe(
    info: DatasetInfo,
    gpu_bytes: int | None,
    settings: TeacherSettings,
    tune: Tune | None,
    base_score: float | None,
    not_scored: str = "",
) -> tuple[Decision, ...]:
    """Decide on `recipe`, and on `tune` where the base's score decides it.

    Args:
        info: facts; of data that is not split yet, all of it counts.
        gpu_bytes: of the smallest GPU that would be used; None trains on a CPU.
        settings: with the preset, which may be `auto` too.
        tune: the user's, None where it is left to the recipe.
        base_score: mAP of the base on the data; None where it is not known.
        not_scored: the reason for None.
    """
    boxes, images = _boxes_and_images(info)
    each = f"{boxes:.0f} boxes a class in {images} images"
    if not is_small(info):
        return (_decided(OFFICIAL, f"{each}: not few"),)
    known = f"base not scored: {not_scored}" if base_score is None else f"base {base_score:.3f} mAP"
    if base_score is not None and base_score >= FINDS_MOST:
        return (_decided(OFFICIAL, f"{each}: few, but the base finds most ({known})"),)
    trains_all = _fits(gpu_bytes, settings, tune or "full")
    why_not = _why_not_fewshot(gpu_bytes, settings, fits=trains_all)
    if why_not is None:
        return (_decided(FEWSHOT, f"{each}: as few as it was published for; {known}"),)
    recipe = _decided(OFFICIAL, f"{each}: few, but {why_not}; {known}")
    if tune or not trains_all or base_score is None or base_score >= FINDS_NOTHING:
        return (recipe,)
    why = f"the base finds next to nothing ({base_score:.3f} mAP): all of it has to learn"
    return recipe, Decision("tune", "full", why, SOURCE)


def _boxes_and_images(info: DatasetInfo) -> tuple[float, int]:
    train = next(split for split in info.splits if split.name == "train")
    return median([count for count in train.boxes_per_class if count] or [0]), train.num_images


def _why_not_fewshot(gpu_bytes: int | None, settings: TeacherSettings, *, fits: bool) -> str | None:
    if settings.model not in PUBLISHED_FOR:
        return "`fewshot` is published for MM Grounding DINO"
    if gpu_bytes is None:
        return "`fewshot` takes too long without a GPU"
    return None if fits else f"{gpu_bytes / GIB:.0f} GiB cannot train everything"


def _fits(gpu_bytes: int | None, settings: TeacherSettings, tune: Tune) -> bool:
    """Say whether a mode fits; a model whose memory was not measured is taken to."""
    if gpu_bytes is None:
        return True
    model = "swin-t" if settings.model == AUTO else settings.model
    needed = step_bytes(model, tune, 1, ALL_RECOMPUTED)
    return needed is None or needed <= gpu_bytes


def _decided(recipe: str, why: str) -> Decision:
    return Decision("recipe", recipe, why, SOURCE)
