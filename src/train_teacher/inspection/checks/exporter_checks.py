"""F9 and F10: the program that wrote a file, and its known effects."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
import numpy as np

from train_teacher.coco.categories import detect_exporter, is_federated
from train_teacher.coco.dataset import CocoDataset
from train_teacher.core.words import plural
from train_teacher.inspection.facts import Finding
from train_teacher.inspection.finding import REPAIRED, annotations_at, finding_about
from train_teacher.inspection.inspected import InspectedFile

DATE_LENGTH = len("2022-10-26")


def provenance(dataset: CocoDataset) -> str | None:
    """Return version, date, contributor and license as the file states them; None if it does not.

    A keypoints file is named for what it is: it has boxes as well.
    """
    info = dataset.info
    license_ = next((entry for entry in dataset.licenses if isinstance(entry, dict)), {})
    told = (
        ("version", _text(info.get("version"))),
        ("", _text(info.get("date_created"))[:DATE_LENGTH] or _text(info.get("year"))),
        ("by", _text(info.get("contributor"))),
        ("license", _text(license_.get("name")) or _text(license_.get("url"))),
    )
    parts = [f"{label} {value}".strip() for label, value in told if value]
    if _has_keypoints(dataset):
        parts.append("a keypoints file: only its boxes are used")
    return ", ".join(parts) or None


def _has_keypoints(dataset: CocoDataset) -> bool:
    if not len(dataset.annotations):
        return False
    first = dataset.raw_annotations[int(dataset.annotations.index[0])]
    if not isinstance(first, msgspec.Raw):
        return "keypoints" in first
    try:
        return msgspec.json.decode(first, type=_Keypoints).keypoints != msgspec.Raw()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def _text(value: Any) -> str:
    return str(value).strip()[:60] if isinstance(value, str | int | float) else ""


def check_exporter(file: InspectedFile) -> list[Finding]:
    """Return F9 (LVIS: names from addresses, federated labels) and F10 (CVAT's rotated boxes)."""
    return [
        *_names_from_addresses(file.dataset),
        *_federated(file.dataset, file.fields.known),
        *_rotated(file.dataset),
    ]


def _names_from_addresses(dataset: CocoDataset) -> list[Finding]:
    count = dataset.names_from_addresses
    if not count:
        return []
    return [
        Finding(
            code="F9",
            severity="warning",
            count=count,
            message=f"{plural(count, 'image')} without file_name: an LVIS-style file, the names "
            "are taken from coco_url",
            consequence="MMDetection's CocoDataset would stop with KeyError: 'file_name'.",
            fix=f"{REPAIRED}.",
        )
    ]


def _federated(dataset: CocoDataset, image_members: Collection[str]) -> list[Finding]:
    if not is_federated(image_members):
        return []
    count = len(dataset.images)
    return [
        Finding(
            code="F9",
            severity="warning",
            count=count,
            message=f"{plural(count, 'image')} labeled for some of the classes only "
            "(neg_category_ids, as in LVIS)",
            consequence="train-teacher does not read which classes were annotated: unlabeled "
            "objects are learned as background.",
            fix="Keep the classes whose objects are labeled in every image, or label the rest; "
            "no setting makes up for it.",
        )
    ]


class _Keypoints(msgspec.Struct):
    keypoints: msgspec.Raw = msgspec.Raw()


class _Attributes(msgspec.Struct):
    rotation: float = 0.0


class _Rotated(msgspec.Struct):
    attributes: _Attributes | None = None


def _rotated(dataset: CocoDataset) -> list[Finding]:
    if detect_exporter(dataset) != "CVAT":
        return []
    rows = [
        row
        for row, index in enumerate(dataset.annotations.index.tolist())
        if _rotation(dataset.raw_annotations[index])
    ]
    return finding_about(
        annotations_at(dataset, np.array(rows, np.int64), key="attributes.rotation"),
        code="F10",
        severity="warning",
        message=f"{plural(len(rows), 'box was', 'boxes were')} drawn rotated in CVAT, and the file "
        "has the upright box of the unrotated shape",
        consequence="Such a box does not fit its object.",
        fix="Draw these objects with an upright box or a polygon, and export again.",
    )


def _rotation(record: msgspec.Raw | dict[str, Any]) -> float:
    try:
        entry = (
            msgspec.json.decode(record, type=_Rotated)
            if isinstance(record, msgspec.Raw)
            else msgspec.convert(record, _Rotated)
        )
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return 0.0
    return entry.attributes.rotation if entry.attributes else 0.0


FILE_CHECKS = (check_exporter,)
