"""Which categories are real, and which program wrote the file."""

from __future__ import annotations

from typing import Any

import msgspec

from train_teacher.domain.checks.reporting import SHOWN
from train_teacher.domain.coco import CategoryRecord, CocoDataset, used_categories
from train_teacher.domain.dataset_info import Example, Finding

BACKGROUND_NAMES = frozenset({"_background_", "__background__"})
PEEKED_ANNOTATIONS = 20
_FINGERPRINTS = (
    ("roboflow", "Roboflow"),
    ("fiftyone", "FiftyOne"),
    ("label studio", "Label Studio"),
    ("labelme", "labelme"),
    ("cvat", "CVAT"),
    ("supervisely", "Supervisely"),
    ("coco 20", "COCO"),
)


def dummy_categories(dataset: CocoDataset) -> tuple[CategoryRecord, ...]:
    """Return categories that an exporter added and nobody labelled.

    Roboflow adds the project as a root: another category names it as its supercategory and no
    annotation uses it. labelme adds `_background_`.
    """
    used = used_categories(dataset)
    parents = {
        other.supercategory
        for other in dataset.categories
        if other.supercategory is not None and other.supercategory != other.name
    }
    dummies = [
        category
        for row, category in enumerate(dataset.categories)
        if row not in used
        and (category.name in parents or category.name.strip().lower() in BACKGROUND_NAMES)
    ]
    # With every class unused there is nothing to tell a root from a class.
    return tuple(dummies) if len(dummies) < len(dataset.categories) else ()


def real_categories(dataset: CocoDataset) -> tuple[CategoryRecord, ...]:
    """Return the categories to train, in the order of the file."""
    dummies = {category.index for category in dummy_categories(dataset)}
    return tuple(c for c in dataset.categories if c.index not in dummies)


def check_categories(dataset: CocoDataset) -> list[Finding]:
    """Return N12: classes that are left out because they are no classes."""
    dummies = dummy_categories(dataset)
    if not dummies:
        return []
    names = ", ".join(f'"{c.name}"' for c in dummies)
    return [
        Finding(
            code="N12",
            severity="info",
            count=len(dummies),
            message=f"{names} is the exporter's root or background entry, not a class",
            consequence="Trained as a class it would cost the model a phrase that is never right.",
            fix="Nothing to do: train-teacher leaves it out (exp1/data).",
            examples=tuple(
                Example(path=f"categories[{c.index}].name", value=c.name) for c in dummies[:SHOWN]
            ),
            section="categories",
            ids=tuple(c.id for c in dummies),
        )
    ]


def detect_exporter(dataset: CocoDataset) -> str | None:
    """Return the program that wrote the file, by its fingerprints; None when unknown."""
    told = " ".join(
        str(dataset.info.get(key) or "") for key in ("description", "contributor", "url")
    ).lower()
    for word, name in _FINGERPRINTS:
        if word in told:
            return name
    if dataset.images and all(".rf." in i.file_name for i in dataset.images[:PEEKED_ANNOTATIONS]):
        return "Roboflow"
    if any(c.name == "_background_" for c in dataset.categories):
        return "labelme"
    for raw in dataset.raw_annotations[:PEEKED_ANNOTATIONS]:
        attributes = _attributes(raw)
        if "occluded" in attributes:
            return "CVAT"
    return None


def _attributes(raw: msgspec.Raw | dict[str, Any]) -> dict[str, Any]:
    try:
        record = msgspec.json.decode(raw) if isinstance(raw, msgspec.Raw) else raw
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    found = record.get("attributes") if isinstance(record, dict) else None
    return found if isinstance(found, dict) else {}
