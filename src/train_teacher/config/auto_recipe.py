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
UNKNOWN = "the base's own score on this data is not known before training"


def choose_recipe(
    info: DatasetInfo, gpu_bytes: int | None, settings: TeacherSettings, tune: Tune | None
) -> Decision:
    """Decide on `recipe`.

    Args:
        info: facts; of data that is not split yet, all of it counts.
        gpu_bytes: of the smallest GPU that would be used; None trains on a CPU.
        settings: with the preset, which may be `auto` too.
        tune: the user's, None where it is left to the recipe.
    """
    train = next(split for split in info.splits if split.name == "train")
    boxes = median([count for count in train.boxes_per_class if count] or [0])
    each = f"{boxes:.0f} boxes a class in {train.num_images} images"
    if boxes > FEW_BOXES or train.num_images > FEW_IMAGES:
        return _decided(OFFICIAL, f"{each}: not few")
    if settings.model not in PUBLISHED_FOR:
        return _decided(OFFICIAL, f"{each}: few, but `fewshot` is published for MM Grounding DINO")
    if gpu_bytes is None:
        return _decided(OFFICIAL, f"{each}: few, but `fewshot` takes too long without a GPU")
    model = "swin-t" if settings.model == AUTO else settings.model
    needed = step_bytes(model, tune or "full", 1, ALL_RECOMPUTED)
    if needed is None or needed > gpu_bytes:
        gib = gpu_bytes / GIB
        return _decided(OFFICIAL, f"{each}: few, but {gib:.0f} GiB cannot train everything")
    return _decided(FEWSHOT, f"{each}: as few as it was published for")


def _decided(recipe: str, why: str) -> Decision:
    return Decision("recipe", recipe, f"{why}; {UNKNOWN}", SOURCE)
