"""F: the file and the types of its records."""

from __future__ import annotations

import re

from train_teacher.coco.box_forms import ROTATED, SCORED, UNDECIDED
from train_teacher.coco.dataset import CocoDataset, Outcome, RecordProblem
from train_teacher.core.words import plural, share
from train_teacher.inspection.facts import Example, Finding, Severity
from train_teacher.inspection.finding import (
    REPAIRED,
    SHOWN,
    TOLERATED_SHARE,
    finding_about,
    images_at,
)
from train_teacher.inspection.inspected import InspectedFile

OF_OTHER_KIND = "as in the list"
"""End of the reader's remark on an id that is text in one list and a number in the other."""
_UNNEEDED = frozenset({"area", "coco_url", "supercategory"})
"""Members without which a record says the same; an area is computed."""
_INDEX = re.compile(r"\[\d+\]")


def check_file(file: InspectedFile) -> list[Finding]:
    """Return F2 (repaired text), F5 (wrong types) and F8 (images without a size)."""
    dataset = file.dataset
    return [*_encoding(dataset), *_types(dataset), *_missing_sizes(file)]


def _encoding(dataset: CocoDataset) -> list[Finding]:
    if dataset.encoding_note is None:
        return []
    if dataset.encoding_doubt is not None:
        return [
            Finding(
                code="F2",
                severity="warning",
                count=1,
                message="the text is not UTF-8, and read as Windows-1252 it has no words of usual "
                f"letters: {dataset.encoding_doubt}",
                consequence="The model would read garbage for the names of classes, and images "
                "whose names have such letters are not found.",
                fix="Name the encoding of the file: --encoding NAME.",
            )
        ]
    return [
        Finding(
            code="F2",
            severity="info",
            count=1,
            message=f"the text had to be repaired to be read: {dataset.encoding_note}",
            consequence="Other readers, such as MMDetection's, may refuse or misread the file.",
            fix=f"{REPAIRED}.",
        )
    ]


def _types(dataset: CocoDataset) -> list[Finding]:
    """Return one finding per member and kind of mistake, however many records have it."""
    groups: dict[tuple[str, str, Outcome], list[RecordProblem]] = {}
    for problem in dataset.problems:
        kind = (_INDEX.sub("[]", problem.path), problem.message, problem.outcome)
        groups.setdefault(kind, []).append(problem)
    return [_type_finding(dataset, problems) for problems in groups.values()]


def _type_finding(dataset: CocoDataset, problems: list[RecordProblem]) -> Finding:
    first = problems[0]
    total = _section_length(dataset, first.section)
    count = len({problem.index for problem in problems})
    severity: Severity = "warning"
    if not first.repairable and count > TOLERATED_SHARE * total:
        severity = "error"
    value = f"{first.value} " if first.value else ""
    others = "" if count == 1 else f" ({count:,} records like this)"
    return Finding(
        code="F7" if first.message.endswith(OF_OTHER_KIND) else "F5",
        severity=severity,
        count=count,
        message=f"{first.path}: {value}{first.message}{others}",
        consequence=_consequence(first.outcome, f"{share(count, total)} {first.section}"),
        fix=_cure(first),
        examples=tuple(Example(path=p.path, value=p.value or None) for p in problems[:SHOWN]),
        section=first.section,
        ids=tuple(p.path for p in problems),
    )


def _cure(problem: RecordProblem) -> str:
    if UNDECIDED in problem.message:
        return (
            "Check a few with --html FILE; if the angles are degrees, write them as radians "
            "(angle * pi / 180), or export upright boxes."
        )
    if problem.message.startswith((ROTATED, SCORED)):
        return "Check a few with --html FILE; if they are read wrongly, export upright boxes."
    if problem.outcome == "converted" or problem.member in _UNNEEDED:
        return f"{REPAIRED}."
    return "Correct these records in the JSON."


def _consequence(outcome: Outcome, affected: str) -> str:
    if outcome == "converted":
        return "The value was understood; MMDetection itself would fail or misread it."
    if outcome == "ignored":
        return "The record is read as if it lacked this; MMDetection itself would fail or misread."
    return f"{affected} cannot be read and are left out of training."


def _section_length(dataset: CocoDataset, section: str) -> int:
    if section == "annotations":
        return len(dataset.raw_annotations)
    records = dataset.images if section == "images" else dataset.categories
    unread = {p.index for p in dataset.problems if p.section == section and not p.repairable}
    return len(records) + len(unread)


def _missing_sizes(file: InspectedFile) -> list[Finding]:
    dataset, files = file.dataset, file.files
    rows = [r for r, i in enumerate(dataset.images) if i.width is None or i.height is None]
    if not rows:
        return []
    known = [row for row in rows if row in files.sizes]
    unknown = [row for row in rows if row not in files.sizes]
    looked = "the files do not say" if files.checked else "the files were not checked"
    return [
        *finding_about(
            images_at(dataset, known, "width"),
            code="F8",
            severity="warning",
            message=f"{plural(len(known), 'image')} without width or height, read from the files",
            consequence="MMDetection would silently drop images of size 0 and their boxes."
            if "height" in file.fields.known
            else "MMDetection would stop with KeyError: 'height'.",
            fix=f"{REPAIRED}.",
        ),
        *finding_about(
            images_at(dataset, unknown, "width"),
            code="F8",
            severity="error",
            message=f"{plural(len(unknown), 'image')} without width or height; {looked}",
            consequence="Their boxes cannot be placed, so these images are not trained.",
            fix="Give the images (--images DIR, without --no-images) or write both sizes.",
        ),
    ]


FILE_CHECKS = (check_file,)
