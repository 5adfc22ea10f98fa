"""D5: classes without a box in one of the splits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from train_teacher.coco.dataset import CategoryRecord
from train_teacher.core.words import listed, plural
from train_teacher.inspection.facts import Finding
from train_teacher.inspection.finding import finding_about, these_categories
from train_teacher.inspection.inspected import Inspected


def check_every_class_present(data: Inspected) -> list[Finding]:
    """Return D5: classes that a given val or test file has no box of, or that only it has.

    The ids are those of the training file.
    """
    learned, *others = [
        np.bincount(kept.labels, minlength=len(data.classes)).tolist() for kept in data.kept
    ]
    return [
        finding
        for file, here in zip(data.files[1:], others, strict=True)
        for finding in _missing(list(zip(data.classes, learned, here, strict=True)), file.name)
    ]


def _missing(pairs: Sequence[tuple[CategoryRecord, int, int]], split: str) -> list[Finding]:
    kinds = (
        (
            [c for c, learned, here in pairs if learned and not here],
            "no box of",
            "Without boxes here its AP cannot be measured.",
        ),
        (
            [c for c, learned, here in pairs if here and not learned],
            "train has no box of",
            "Without boxes in train it cannot be learned, but is scored here.",
        ),
    )
    return [
        finding
        for absent, what, consequence in kinds
        for finding in finding_about(
            these_categories(absent),
            code="D5",
            severity="warning",
            message=f"{what} {plural(len(absent), 'class', 'classes')}: "
            f"{listed(c.name for c in absent)}",
            consequence=consequence,
            fix="Move labeled images between the files, or let train-teacher split one file.",
            split=split,
        )
    ]


CHECKS = (check_every_class_present,)
