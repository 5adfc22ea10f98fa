"""Files of a validation: its detections, and the canonical copy they are scored on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from train_teacher.core.errors import UserError
from train_teacher.core.json_file import read_json
from train_teacher.scores.detections import Detections, GroundTruth


class _Image(msgspec.Struct):
    id: int
    file_name: str


class _Category(msgspec.Struct):
    id: int


class _Annotation(msgspec.Struct):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    iscrowd: int = 0


class _Canonical(msgspec.Struct):
    images: list[_Image]
    categories: list[_Category]
    annotations: list[_Annotation]


@dataclass(frozen=True)
class ValidationTruth:
    """The canonical copy of a split."""

    truth: GroundTruth
    file_names: Mapping[int, str]
    """By image id."""


def read_detections(path: Path) -> Detections | None:
    """Return the detections that a run kept, None when there is no such file."""
    if not path.exists():
        return None
    with np.load(path) as file:
        return Detections(
            image_id=file["image_id"].astype(np.int64),
            label=file["label"].astype(np.int64),
            score=file["score"].astype(np.float64),
            box=file["box"].astype(np.float64),
        )


def read_truth(path: Path) -> ValidationTruth:
    """Return the labels of a canonical copy, with classes numbered from 0 in its order.

    Raises:
        UserError: it is missing or damaged.
    """
    try:
        return _truth(read_json(path, _Canonical))
    except (OSError, msgspec.DecodeError, KeyError) as error:
        raise UserError(f"{path}: is missing or damaged: {error}.") from error


def canonical_truth(content: Mapping[str, Any]) -> GroundTruth:
    """Return the labels of a canonical COCO object, with classes numbered from 0 in its order."""
    return _truth(msgspec.convert(content, _Canonical)).truth


def _truth(data: _Canonical) -> ValidationTruth:
    number = {category.id: index for index, category in enumerate(data.categories)}
    rows = data.annotations
    boxes = np.array([a.bbox for a in rows], np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return ValidationTruth(
        GroundTruth(
            image_id=np.array([a.image_id for a in rows], np.int64),
            label=np.array([number[a.category_id] for a in rows], np.int64),
            box=boxes,
            crowd=np.array([a.iscrowd == 1 for a in rows], np.bool_),
            image_ids=np.array([image.id for image in data.images], np.int64),
        ),
        {image.id: image.file_name for image in data.images},
    )
