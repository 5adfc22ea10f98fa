"""Real and dummy categories, and the program that wrote the file."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import msgspec

from train_teacher.coco.dataset import CategoryRecord, CocoDataset, used_categories

BACKGROUND_NAMES = frozenset({"_background_", "__background__", "__ignore__"})
"""Entries that labelme writes into every file."""
NO_OBJECTS = frozenset({"background", "none", "objects"})
"""Names that are no class of object, unless annotations use them."""
IGNORED_REGIONS = frozenset(
    "dontcare|don t care|dont care|void|unlabeled|unlabelled|ignore|ignored|ignore region|"
    "ignore regions|ignored region|ignored regions".split("|")
)
"""Names of regions that are not trained: KITTI, VisDrone, Cityscapes."""
BACKGROUND_WORDS = frozenset(
    "background|none|bg|no object|no objects|hintergrund|fondo|\u80cc\u666f".split("|")
)
"""Names of the background."""
FEDERATED_MEMBERS = frozenset({"neg_category_ids", "not_exhaustive_category_ids"})
PEEKED_ANNOTATIONS = 20
_SIGNS = re.compile(r"[\W_]+")
_FINGERPRINTS = (
    ("roboflow", "Roboflow"),
    ("fiftyone", "FiftyOne"),
    ("label studio", "Label Studio"),
    ("labelme", "labelme"),
    ("cvat", "CVAT"),
    ("supervisely", "Supervisely"),
    ("lvis", "LVIS"),
    ("coco 20", "COCO"),
)


def dummy_categories(dataset: CocoDataset) -> tuple[CategoryRecord, ...]:
    """Return categories that an exporter added and that have no annotation.

    Roboflow adds the project as a root: another category names it as its supercategory and no
    annotation uses it; it may be named like a class under it. labelme adds `_background_`; others
    have `background` or `none`.
    """
    used = used_categories(dataset)
    # A root that names itself proves nothing; a labeled class that does has a namesake above it.
    parents = {
        other.supercategory
        for row, other in enumerate(dataset.categories)
        if other.supercategory is not None and (row in used or other.supercategory != other.name)
    }
    dummies = [
        category
        for row, category in enumerate(dataset.categories)
        if row not in used
        and (category.name in parents or is_background(category) or word_of(category) in NO_OBJECTS)
    ]
    # With every class unused there is nothing to tell a root from a class.
    return tuple(dummies) if len(dummies) < len(dataset.categories) else ()


def real_categories(dataset: CocoDataset) -> tuple[CategoryRecord, ...]:
    """Return the categories to train, in the order of the file."""
    dummies = {category.index for category in dummy_categories(dataset)}
    return tuple(c for c in dataset.categories if c.index not in dummies)


def is_background(category: CategoryRecord) -> bool:
    """Return whether it is an entry that labelme writes into every file."""
    return category.name.strip().lower() in BACKGROUND_NAMES


def word_of(category: CategoryRecord) -> str:
    """Return the name in lower case with spaces for all signs: `_background_`, `dont_care`."""
    return _SIGNS.sub(" ", category.name.lower()).strip()


def detect_exporter(dataset: CocoDataset, image_members: Collection[str] = ()) -> str | None:
    """Return the program that wrote the file, by its fingerprints; None when unknown.

    Args:
        dataset: the file.
        image_members: names of the members of its image records, as far as they were read.
    """
    told = " ".join(
        str(dataset.info.get(key) or "") for key in ("description", "contributor", "url")
    ).lower()
    for word, name in _FINGERPRINTS:
        if word in told:
            return name
    if is_federated(image_members):
        return "LVIS"
    if dataset.images and all(".rf." in i.file_name for i in dataset.images[:PEEKED_ANNOTATIONS]):
        return "Roboflow"
    if any(c.name == "_background_" for c in dataset.categories):
        return "labelme"
    return _annotator(dataset)


def _annotator(dataset: CocoDataset) -> str | None:
    """Return the program that annotations name by their members."""
    for raw in dataset.raw_annotations[:PEEKED_ANNOTATIONS]:
        record = decoded_record(raw)
        attributes = record.get("attributes")
        if isinstance(attributes, dict) and "occluded" in attributes:
            return "CVAT"
        if {"isbbox", "color"} <= record.keys():
            return "COCO Annotator"
    return None


def is_federated(image_members: Collection[str]) -> bool:
    """Return whether images say which classes were looked for in them, as those of LVIS do."""
    return not FEDERATED_MEMBERS.isdisjoint(image_members)


def decoded_record(raw: msgspec.Raw | dict[str, Any]) -> dict[str, Any]:
    """Return an entry of a section decoded; empty when it is no object, or not plain JSON."""
    try:
        record = msgspec.json.decode(raw) if isinstance(raw, msgspec.Raw) else raw
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}
