"""N12: categories that are left out because they are not classes."""

from __future__ import annotations

from train_teacher.coco.categories import (
    BACKGROUND_WORDS,
    IGNORED_REGIONS,
    NO_OBJECTS,
    dummy_categories,
    is_background,
    word_of,
)
from train_teacher.coco.dataset import used_categories
from train_teacher.core.words import listed
from train_teacher.inspection.facts import Finding
from train_teacher.inspection.finding import finding_about, these_categories
from train_teacher.inspection.inspected import InspectedFile


def check_categories(file: InspectedFile) -> list[Finding]:
    """Return N12 of the training file, whose list counts: classes that are left out as none."""
    if not file.is_train:
        return []
    dataset = file.dataset
    dummies = dummy_categories(dataset)
    parents = {category.supercategory for category in dataset.categories}
    odd = [c for c in dummies if word_of(c) in NO_OBJECTS and not is_background(c)]
    odd = [c for c in odd if c.name not in parents]
    entries = [c for c in dummies if c not in odd]
    fix = "Nothing to do: train-teacher leaves it out (exp1/data)."
    used = used_categories(dataset)
    labelled = [
        category
        for row, category in enumerate(dataset.categories)
        if row in used and word_of(category) in IGNORED_REGIONS | BACKGROUND_WORDS
    ]
    return [
        *finding_about(
            these_categories(labelled),
            code="N12",
            severity="warning",
            message=f"{listed(c.name for c in labelled)} has boxes, but does not name an object",
            consequence="The model would learn to detect background or ignored regions as a class.",
            fix="Mark these annotations iscrowd = 1, or remove them with their category.",
        ),
        *finding_about(
            these_categories(odd),
            code="N12",
            severity="warning",
            message=f"{listed(c.name for c in odd)} has no box and does not name an object: left "
            "out of the classes",
            consequence="Trained as a class it would add a useless phrase to every prompt.",
            fix=f"{fix} If it is a class, label it or give it another name.",
        ),
        *finding_about(
            these_categories(entries),
            code="N12",
            severity="info",
            message=f"{listed(c.name for c in entries)} is the exporter's root or background "
            "entry, not a class",
            consequence="Trained as a class it would add a useless phrase to every prompt.",
            fix=fix,
        ),
    ]


FILE_CHECKS = (check_categories,)
