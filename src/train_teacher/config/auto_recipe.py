"""`--recipe auto`: which recipe fits the data and the machine, and why.

Pure: facts in, a decision out.
"""

from __future__ import annotations

from statistics import median

from train_teacher.config.data_driven import Decision
from train_teacher.config.expected_memory import ALL_RECOMPUTED, step_bytes
from train_teacher.inspection.facts import DatasetInfo
from train_teacher.settings.recipe_files import OFFICIAL
from train_teacher.settings.schema import AUTO, TeacherSettings, Tune

FEWSHOT = "fewshot"
FEW_BOXES = 30
"""A class. FT-FSOD's figures are of 1, 5 and 10; ours of 5 and 10 (docs/how-to/recipes.md)."""
FEW_IMAGES = 200
"""100 epochs of more take longer than the official recipe gives a small set."""
GIB = 2**30
SOURCE = "FT-FSOD (CVPR 2026); docs/how-to/recipes.md"
UNKNOWN = "the base's own score on this data is not known before it is trained"


def choose_recipe(
    info: DatasetInfo, gpu_bytes: int | None, settings: TeacherSettings, tune: Tune | None
) -> Decision:
    """Decide on `recipe`.

    Args:
        gpu_bytes: of the smallest GPU that would be used; None trains on a CPU.
        tune: the user's, None where it is left to the recipe.
    """
    train = next(split for split in info.splits if split.name == "train")
    boxes = median([count for count in train.boxes_per_class if count] or [0])
    each = f"{boxes:.0f} boxes a class in {train.num_images} images"
    if boxes > FEW_BOXES or train.num_images > FEW_IMAGES:
        return Decision("recipe", OFFICIAL, f"{each} are enough for it; {UNKNOWN}", SOURCE)
    if gpu_bytes is None:
        slow = f"{each}: few, but without a GPU to train everything takes too long; {UNKNOWN}"
        return Decision("recipe", OFFICIAL, slow, SOURCE)
    model = "swin-t" if settings.model == AUTO else settings.model
    needed = step_bytes(model, tune or "full", 1, ALL_RECOMPUTED)
    if needed is not None and needed > gpu_bytes:
        small = f"{each}: few, but a GPU of {gpu_bytes / GIB:.0f} GiB cannot train everything"
        return Decision("recipe", OFFICIAL, f"{small}; {UNKNOWN}", SOURCE)
    fits = "" if needed else "; what it takes of a GPU was not measured for this model"
    return Decision("recipe", FEWSHOT, f"{each}: everything is trained{fits}; {UNKNOWN}", SOURCE)
