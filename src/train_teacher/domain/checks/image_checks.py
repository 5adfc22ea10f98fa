"""I: picture files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from train_teacher.domain.checks.reporting import image_examples, plural, share
from train_teacher.domain.coco import CocoDataset
from train_teacher.domain.dataset_info import Finding


def check_images(
    dataset: CocoDataset, image_dir: Path | None, missing: npt.NDArray[np.int64]
) -> list[Finding]:
    """Return I1: pictures that are not there.

    Args:
        dataset: the data set.
        image_dir: where the pictures were looked for; None when no folder had any.
        missing: rows of the images without a file.
    """
    if not len(missing):
        return []
    total = len(dataset.images)
    if image_dir is None:
        message = f"none of the {plural(total, 'image')} was found near {dataset.path}"
        fix = "Name the folder that file_name is relative to: --images DIR."
    else:
        message = f"{share(len(missing), total)} images are not in {image_dir}"
        fix = "Copy the missing files there, name another folder (--images DIR), or remove them."
    return [
        Finding(
            code="I1",
            severity="error",
            count=len(missing),
            message=message,
            consequence="Training would stop at the first missing picture.",
            fix=fix,
            examples=image_examples(dataset, missing, "file_name"),
        )
    ]
