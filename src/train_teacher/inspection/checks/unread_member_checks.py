"""F6 and M7: members of the records that are not read or hold nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Set
from typing import Any

from train_teacher.coco.categories import decoded_record
from train_teacher.coco.dataset import CocoDataset
from train_teacher.coco.masks.columns import MASK_NONE
from train_teacher.core.words import listed
from train_teacher.inspection.facts import Example, Finding
from train_teacher.inspection.inspected import InspectedFile

PEEKED = 100
"""Annotations that are looked at, the first ones: their members are those of nearly all, and to
spread the look over a large file would read all of it again."""
KNOWN_MEMBERS = frozenset(
    "id image_id category_id bbox bbox_mode area iscrowd segmentation ignore keypoints "
    # What CVAT and COCO Annotator add to every file of theirs.
    "num_keypoints attributes isbbox color metadata".split()
)
LEAST_REPEATS = 3
"""Of each value on average, from which an attribute tells kinds and is no free text."""
TEXT_YEAR_IS_USUAL = ("roboflow", "fiftyone", "voxel51")
"""In `info.description` or `info.url` of programs that always write the year as text."""


def check_members(file: InspectedFile) -> list[Finding]:
    """Return F6 (members that are not read, year as text) and M7 (empty masks), all info."""
    dataset = file.dataset
    peeked = dataset.annotations.index[:PEEKED].tolist()
    sample = {index: decoded_record(dataset.raw_annotations[index]) for index in peeked}
    return [*_not_read(dataset, sample), *_empty_masks(dataset, sample)]


def _not_read(dataset: CocoDataset, sample: dict[int, dict[str, Any]]) -> list[Finding]:
    first: dict[str, str] = {}
    for index, record in sample.items():
        for member in record.keys() - KNOWN_MEMBERS:
            first.setdefault(member, f"annotations[{index}].{member}")
    told = [f"annotations have {listed(sorted(first))}"] if first else []
    classes = {category.name for category in dataset.categories}
    kinds = _kinds(sample, classes)
    told += [f"the attribute {listed([name])} ({count} values)" for name, (count, _) in kinds]
    first.update({name: path for name, (_, path) in kinds})
    year = dataset.info.get("year")
    if isinstance(year, str) and year.strip() and not _text_year_is_usual(dataset):
        told.append(f'info.year is the text "{year[:10]}"')
        first["year"] = "info.year"
    if not told:
        return []
    return [
        Finding(
            code="F6",
            severity="info",
            count=len(first),
            message=f"{'; '.join(told)}, which training does not read",
            consequence="None. Strict readers refuse a year that is text; score is of detections, "
            "so a file with it may hold a model's guesses.",
            fix=f"To train its values as classes: --class-from attributes.{kinds[0][0]}, for "
            "inspect-data and train-teacher alike."
            if kinds
            else "Nothing to do.",
            examples=tuple(Example(path=first[member]) for member in sorted(first)[:3]),
        )
    ]


def _kinds(
    sample: dict[int, dict[str, Any]], classes: Set[str]
) -> list[tuple[str, tuple[int, str]]]:
    """Return the attributes that tell kinds of object, how many kinds, and where the first is.

    A kind is a text that comes back; a free text, or a mark such as `occluded`, is none. What are
    classes already (--class-from) needs no word.
    """
    values: dict[str, list[str]] = defaultdict(list)
    first: dict[str, str] = {}
    for index, record in sample.items():
        attributes = record.get("attributes")
        for name, value in attributes.items() if isinstance(attributes, dict) else ():
            if isinstance(value, str) and value.strip():
                values[name].append(value)
                first.setdefault(name, f"annotations[{index}].attributes.{name}")
    return [
        (name, (len(set(texts)), first[name]))
        for name, texts in sorted(values.items())
        if not set(texts) <= classes and 1 < len(set(texts)) <= len(texts) / LEAST_REPEATS
    ]


def _text_year_is_usual(dataset: CocoDataset) -> bool:
    told = " ".join(str(dataset.info.get(key) or "") for key in ("description", "url")).lower()
    return any(word in told for word in TEXT_YEAR_IS_USUAL)


def _empty_masks(dataset: CocoDataset, sample: dict[int, dict[str, Any]]) -> list[Finding]:
    if not sample or (dataset.annotations.masks.kind != MASK_NONE).any():
        return []
    if any(record.get("segmentation", 0) != [] for record in sample.values()):
        return []
    return [
        Finding(
            code="M7",
            severity="info",
            count=len(dataset.annotations),
            message="there are no masks: segmentation is an empty list in every annotation",
            consequence="Nothing for boxes; code that expects a mask stops.",
            fix="Nothing to do for a detector.",
            examples=(Example(path=f"annotations[{next(iter(sample))}].segmentation", value="[]"),),
        )
    ]


FILE_CHECKS = (check_members,)
