"""R: ids and the references between the three lists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from train_teacher.coco.categories import real_categories
from train_teacher.coco.dataset import (
    CategoryRecord,
    CocoDataset,
    IdColumn,
    ImageRecord,
    RecordId,
    plain_id,
    used_categories,
)
from train_teacher.core.words import listed, plural
from train_teacher.inspection.checks.unlisted_id_checks import check_unlisted_ids
from train_teacher.inspection.facts import Example, Finding
from train_teacher.inspection.finding import (
    REPAIRED,
    SHOWN,
    annotations_at,
    finding_about,
    images_at,
)
from train_teacher.inspection.inspected import InspectedFile
from train_teacher.inspection.likely_ids import free_image_ids


def check_references(file: InspectedFile) -> list[Finding]:
    """Return R1 to R10: repeated ids, id 0, references to nothing, repeated file names."""
    dataset = file.dataset
    return [
        *_repeated_image_ids(dataset),
        *_repeated_annotation_ids(dataset),
        *_annotation_id_zero(dataset),
        *_text_annotation_ids(dataset),
        *_repeated_category_ids(dataset),
        *check_unlisted_ids(dataset),
        # Another file is compared with the training file's classes (N13, D5).
        *(_unused_categories(dataset) if file.is_train else ()),
        *_repeated_files(dataset),
        *_clashing_names(dataset),
        *_same_names_in_folders(dataset),
    ]


def _repeated(ids: IdColumn) -> dict[RecordId | None, list[int]]:
    """Return the rows of each id that occurs more than once."""
    if isinstance(ids, np.ndarray):
        # Sorting beats a set or np.unique by far on a million ids.
        ordered = np.sort(ids)
        twice = ordered[1:][ordered[1:] == ordered[:-1]]
        candidates = np.flatnonzero(np.isin(ids, twice)).tolist() if len(twice) else []
    else:
        candidates = list(range(len(ids))) if len(set(ids)) < len(ids) else []
    rows: dict[RecordId | None, list[int]] = defaultdict(list)
    for row in candidates:
        rows[plain_id(ids[row])].append(row)
    return {id_: r for id_, r in rows.items() if len(r) > 1}


def _repeated_image_ids(dataset: CocoDataset) -> list[Finding]:
    repeated = _repeated([image.id for image in dataset.images])
    copies = {id_: rows for id_, rows in repeated.items() if _is_one_image(dataset, rows)}
    others = {id_: rows for id_, rows in repeated.items() if id_ not in copies}
    findings = []
    for ids, what, fix in (
        (copies, "records of one image", _REMOVE_COPIES),
        (others, "images", _GIVE_IDS + _which_is_free(dataset) if others else ""),
    ):
        if not ids:
            continue
        id_, rows = next(iter(ids.items()))
        files = [dataset.images[row].file_name for row in rows]
        rest = f" ({plural(len(ids), 'id')} like this)" if len(ids) > 1 else ""
        finding = Finding(
            code="R1",
            severity="error",
            count=len(ids),
            message=f"image id {id_} is used by {len(rows)} {what}: {listed(files, 3)}{rest}",
            consequence="The boxes of all of them land on the last image; the others are lost.",
            fix=fix,
            examples=_record_examples([dataset.images[r] for rs in ids.values() for r in rs]),
            section="images",
            ids=tuple(ids),
        )
        findings.append(finding)
    return findings


_REMOVE_COPIES = "Remove the copies: inspect-data DATA.json --fix OUT.json."
_GIVE_IDS = "Give each image its own id and correct image_id in its annotations"


def _is_one_image(dataset: CocoDataset, rows: Sequence[int]) -> bool:
    images = [dataset.images[row] for row in rows]
    return len({(image.file_name, image.width, image.height) for image in images}) == 1


def _which_is_free(dataset: CocoDataset) -> str:
    meant = free_image_ids(dataset)
    if not meant:
        return "; merging exports without renumbering usually causes this."
    row, id_ = next(iter(meant.items()))
    name = listed([dataset.images[row].file_name])
    return (
        f": {name} stands where id {id_} is missing, and annotations point to it. "
        "inspect-data DATA.json --fix OUT.json does that."
    )


def _record_examples(records: Sequence[ImageRecord | CategoryRecord]) -> tuple[Example, ...]:
    return tuple(
        Example(path=f"images[{r.index}].id", file=r.file_name, value=str(r.id))
        if isinstance(r, ImageRecord)
        else Example(path=f"categories[{r.index}].id", value=f"{r.id}: {r.name}")
        for r in records[:SHOWN]
    )


def _repeated_annotation_ids(dataset: CocoDataset) -> list[Finding]:
    repeated = _repeated(dataset.annotations.ids)
    missing = np.array(repeated.pop(None, []) or _rows_where(dataset, None), np.int64)
    positions = np.array([p for rows in repeated.values() for p in rows], np.int64)
    return [
        *finding_about(
            annotations_at(dataset, positions, "id"),
            code="R2",
            severity="warning",
            message=f"{plural(len(repeated), 'annotation id')} used more than once: "
            f"{listed(repeated, 3)}",
            consequence='MMDetection would stop with "Annotation ids are not unique".',
            fix=f"{REPAIRED}, which are numbered from 1.",
        ),
        *finding_about(
            annotations_at(dataset, missing, "id"),
            code="R2",
            severity="warning",
            message=f"{plural(len(missing), 'annotation')} without an id",
            consequence="MMDetection would stop with KeyError: 'id'.",
            fix=f"{REPAIRED}, which are numbered from 1.",
        ),
    ]


def _rows_where(dataset: CocoDataset, wanted: RecordId | None) -> list[int]:
    ids = dataset.annotations.ids
    if isinstance(ids, np.ndarray):
        return [] if wanted is None else np.flatnonzero(ids == wanted).tolist()
    return [row for row, id_ in enumerate(ids) if id_ == wanted]


def _annotation_id_zero(dataset: CocoDataset) -> list[Finding]:
    return finding_about(
        annotations_at(dataset, np.array(_rows_where(dataset, 0), np.int64), key="id"),
        code="R3",
        severity="warning",
        message="annotation id 0 can never be matched by COCO evaluation",
        consequence="Evaluated as it is, that box counts as missed and its detection as false: "
        "AP would be too low, the more so the smaller the set.",
        fix=f"{REPAIRED}, which are numbered from 1.",
    )


def _text_annotation_ids(dataset: CocoDataset) -> list[Finding]:
    ids = dataset.annotations.ids
    if isinstance(ids, np.ndarray):
        return []
    rows = np.array([row for row, id_ in enumerate(ids) if isinstance(id_, str)], np.int64)
    return finding_about(
        annotations_at(dataset, rows, "id"),
        code="F7",
        severity="warning",
        message=f"{plural(len(rows), 'annotation id is', 'annotation ids are')} text instead of "
        "numbers",
        consequence="COCO evaluation keeps them as numbers, and stops at other text.",
        fix=f"{REPAIRED}, which are numbered from 1.",
    )


def _repeated_category_ids(dataset: CocoDataset) -> list[Finding]:
    repeated = _repeated([category.id for category in dataset.categories])
    if not repeated:
        return []
    id_, rows = next(iter(repeated.items()))
    categories = [dataset.categories[r] for rs in repeated.values() for r in rs]
    names = [dataset.categories[row].name for row in rows]
    return [
        Finding(
            code="R4",
            severity="error",
            count=len(repeated),
            message=f"category id {id_} is used by {len(rows)} categories: {listed(names)}",
            consequence="Their boxes cannot be distinguished: all are trained as the last of them.",
            fix="Give each category its own id and correct category_id in its annotations.",
            examples=_record_examples(categories),
            section="categories",
            ids=tuple(repeated),
        )
    ]


def _unused_categories(dataset: CocoDataset) -> list[Finding]:
    used = used_categories(dataset)
    kept = {category.index for category in real_categories(dataset)}
    repeated = _repeated([category.id for category in dataset.categories])
    unused = [
        category
        for row, category in enumerate(dataset.categories)
        if row not in used and category.index in kept and category.id not in repeated
    ]
    if not unused:
        return []
    return [
        Finding(
            code="R7",
            severity="info",
            count=len(unused),
            message=f"{plural(len(unused), 'class', 'classes')} without a box: "
            f"{listed(c.name for c in unused)}",
            consequence="The model reads it but cannot learn it from this file.",
            fix="Label some, or remove the category.",
            examples=_record_examples(unused),
            section="categories",
            ids=tuple(category.id for category in unused),
        )
    ]


_REPEATED = (
    ("listed more than once", True, "Merge them: inspect-data DATA.json --fix OUT.json."),
    (
        "listed more than once, with other sizes",
        False,
        "Give each image its own file_name, or correct width and height: one file has one size.",
    ),
)
"""Remark on files that several records name, True when all give one size, and the cure."""


def _repeated_files(dataset: CocoDataset) -> list[Finding]:
    if len({image.file_name for image in dataset.images}) == len(dataset.images):
        return []
    names: dict[str, list[int]] = defaultdict(list)
    for row, image in enumerate(dataset.images):
        names[image.file_name].append(row)
    repeated = {name: rows for name, rows in names.items() if len(rows) > 1}
    sized = {
        name: {(dataset.images[row].width, dataset.images[row].height) for row in rows}
        for name, rows in repeated.items()
    }
    findings = []
    for what, one_size, fix in _REPEATED:
        told = [name for name, sizes in sized.items() if (len(sizes) == 1) == one_size]
        findings += finding_about(
            images_at(dataset, [row for name in told for row in repeated[name]]),
            code="R9",
            severity="warning",
            message=f"{plural(len(told), 'file')} {what}: {listed(told, 3)}",
            consequence="Each entry is trained on its own, with the boxes of the others as "
            "background; a split could put one in train and one in val.",
            fix=fix,
        )
    return findings


def _differ_in_any_case(names: Sequence[str]) -> bool:
    # All names folded in one piece: a hundred thousand calls are what costs.
    together = "\n".join(names)
    folded = together.casefold()
    if folded == together:
        return True  # the same names: R9 has looked at them
    apart = folded.split("\n")
    return len(apart) == len(names) == len(set(apart))


def _clashing_names(dataset: CocoDataset) -> list[Finding]:
    if _differ_in_any_case([image.file_name for image in dataset.images]):
        return []
    folded: dict[str, list[int]] = defaultdict(list)
    for row, image in enumerate(dataset.images):
        folded[image.file_name.casefold()].append(row)
    rows = [
        row
        for same in folded.values()
        if len({dataset.images[row].file_name for row in same}) > 1
        for row in same
    ]
    return finding_about(
        images_at(dataset, rows),
        code="R10",
        severity="info",
        message=f"{plural(len(rows), 'file name differs', 'file names differ')} from another only "
        "in upper and lower case",
        consequence="On Windows and macOS they are one file: boxes would be on the wrong image.",
        fix="Rename the files if the data set is used there.",
    )


def _same_names_in_folders(dataset: CocoDataset) -> list[Finding]:
    names = [image.file_name.replace("\\", "/") for image in dataset.images]
    bases = [name.rpartition("/")[2] for name in names]
    if len(set(bases)) == len(bases):
        return []
    folders: dict[str, set[str]] = defaultdict(set)
    for name, base in zip(names, bases, strict=True):
        folders[base].add(name.casefold())
    rows = [row for row, base in enumerate(bases) if len(folders[base]) > 1]
    return finding_about(
        images_at(dataset, rows),
        code="R10",
        severity="info",
        message=f"{plural(len(rows), 'file has', 'files have')} the name of another in a different "
        "folder",
        consequence="Training distinguishes them; a tool that puts all files into one folder would "
        "overwrite one by the other.",
        fix="Nothing to do; rename them before such an export or upload.",
    )


FILE_CHECKS = (check_references,)
