"""D9: a test set without a validation set, or boxes in one image only."""

from __future__ import annotations

from train_teacher.core.words import plural
from train_teacher.inspection.facts import Example, Finding
from train_teacher.inspection.inspected import Inspected


def check_no_validation(data: Inspected) -> list[Finding]:
    """Return D9: there is nothing to validate on, or no file for it although one is for test."""
    names = [file.name for file in data.files]
    if "val" in names:
        return []
    if found := _boxes_in_one_image(data):
        return found
    if len(names) == 1:
        return []
    return [
        Finding(
            code="D9",
            severity="warning",
            count=1,
            message=f"there is a {names[-1]} file but no val file",
            consequence="The best epoch must be chosen on other images: a share of train will be "
            "set aside.",
            fix="Give one with --val, or let train-teacher set a share aside.",
        )
    ]


def _boxes_in_one_image(data: Inspected) -> list[Finding]:
    dataset, rows = data.train.dataset, data.kept[0].image_rows
    if not len(rows) or len(dataset.images) == 1 or (rows != rows[0]).any():
        return []
    image, count = dataset.images[int(rows[0])], len(dataset.annotations)
    what = f"all {plural(len(rows), 'box', 'boxes')} lie in one image"
    if (dataset.annotations.image_row == rows[0]).all():
        what = f"all {plural(count, 'annotation')} have one image_id ({image.id})"
    return [
        Finding(
            code="D9",
            severity="error",
            count=1,
            message=f"{what}, and {len(dataset.images):,} images are listed",
            consequence="Nothing is left to validate on, and objects in other images are learned "
            "as background.",
            fix="Correct image_id in the export, label more images, or give --val FILE.",
            examples=(Example(path=f"images[{image.index}].id", file=image.file_name),),
        )
    ]


CHECKS = (check_no_validation,)
