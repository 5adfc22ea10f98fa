"""D11: objects that were probably never labelled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from train_teacher.domain.checks.reporting import listed
from train_teacher.domain.coco import CocoDataset
from train_teacher.domain.dataset_info import Example, Finding

MIN_IMAGES = 20
"""Labelled images of a folder from which its classes are taken for a habit, not for chance."""
MIN_CLASSES = 2


def check_partial_labelling(
    dataset: CocoDataset,
    names: Sequence[str],
    classes: npt.NDArray[np.int64],
    image_rows: npt.NDArray[np.int64],
) -> list[Finding]:
    """Return D11: folders of pictures in which other classes were labelled, and none in common.

    Args:
        dataset: the training file.
        names: the classes.
        classes: (K,) class of each box that is trained.
        image_rows: (K,) image of each of these boxes.
    """
    if len(names) < MIN_CLASSES:
        return []
    folders = [image.file_name.replace("\\", "/").rpartition("/")[0] for image in dataset.images]
    if len(set(folders)) == 1:
        return []
    seen: dict[str, set[int]] = {}
    labelled: dict[str, set[int]] = {}
    for row, label in zip(image_rows.tolist(), classes.tolist(), strict=True):
        seen.setdefault(folders[row], set()).add(label)
        labelled.setdefault(folders[row], set()).add(row)
    large = [folder for folder, rows in labelled.items() if len(rows) >= MIN_IMAGES]
    pairs = [
        (one, other)
        for number, one in enumerate(large)
        for other in large[number + 1 :]
        if not seen[one] & seen[other]
    ]
    if not pairs:
        return []
    one, other = pairs[0]
    told = [
        f"{folder or '.'}: {listed(names[i] for i in sorted(seen[folder]))}"
        for folder in (one, other)
    ]
    return [
        Finding(
            code="D11",
            severity="warning",
            count=len(pairs),
            message=f"no class is labelled in both of two folders ({'; '.join(told)})",
            consequence="Each was probably labelled for its own classes only: objects of the "
            "others are learned as background, which harms more than noise.",
            fix="Label all classes in all pictures, or train them apart.",
            examples=tuple(Example(path="", file=f"{folder}/") for folder in (one, other)),
        )
    ]
