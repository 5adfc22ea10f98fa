"""The use case `inspect-data --fix`: a repaired copy of one JSON, and a log of every change."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.adapters.atomic_file import write_atomically
from train_teacher.adapters.coco_bytes import read_other_members, read_top_level
from train_teacher.application.inspect_data import InspectRequest, describe, load_splits
from train_teacher.domain.coco import plain_record
from train_teacher.domain.dataset_info import Finding
from train_teacher.domain.errors import UsageError, UserError
from train_teacher.domain.repair import (
    Change,
    ChangeLog,
    Record,
    RepairInput,
    repaired_categories,
    repaired_images,
)
from train_teacher.domain.repair_annotations import (
    AnyRecord,
    repaired_annotations,
)
from train_teacher.domain.repair_plan import exact_copies, kept_usage, plan_repair


class FixReport(msgspec.Struct, frozen=True):
    """What was changed, and what could not be."""

    input: str
    output: str
    log: str
    images: str | None
    """Folder that the file names of the copy are relative to."""
    changes: tuple[Change, ...]
    left: tuple[Finding, ...]
    """Errors and warnings that the copy still has."""


def fix_data(request: InspectRequest, output: Path) -> FixReport:
    """Write a repaired copy of a data set's JSON and a log beside it.

    Args:
        request: one JSON file, and where its pictures are.
        output: the copy; the log is called the same with `.changes.json`.

    Raises:
        UsageError: the data set is a folder, or more than one file.
        UserError: the input cannot be read, or the output exists or cannot be written.
    """
    log_file = _checked(request, output)
    log = ChangeLog()
    image_dir = _write_copy(request, output, log)
    try:
        again = replace(request, data=output, images=image_dir)
        left = describe(load_splits(again), again).findings
        report = FixReport(
            input=str(request.data),
            output=str(output),
            log=str(log_file),
            images=None if image_dir is None else str(image_dir),
            changes=log.changes(),
            left=tuple(finding for finding in left if finding.severity != "info"),
        )
        write_atomically(log_file, msgspec.json.format(msgspec.json.encode(report), indent=2))
    except UserError:
        # A copy without its log would say nothing of what was changed.
        output.unlink(missing_ok=True)
        raise
    return report


def _write_copy(request: InspectRequest, output: Path, log: ChangeLog) -> Path | None:
    """Write the repaired copy, and return the folder of the pictures."""
    (split,) = load_splits(request)
    info = describe((split,), request)
    given = RepairInput(
        dataset=split.dataset,
        files=split.files,
        sizes=split.sizes,
        codes=frozenset(finding.code for finding in info.findings),
        mask_box=_mask_box,
    )
    if split.dataset.encoding_note:
        log.note("F2", None)
    write_atomically(output, _repaired(request.data, given, log))
    return split.files.image_dir


def _checked(request: InspectRequest, output: Path) -> Path:
    """Return where the log goes, once nothing speaks against writing."""
    if request.val or request.test or request.data.is_dir():
        raise UsageError(
            "--fix repairs one JSON at a time: give the file itself as DATA, without --val, "
            "--test, and repeat it for the others."
        )
    if output.is_dir():
        raise UserError(f"--fix {output}: this is a folder. Give the name of a new file in it.")
    log_file = output.with_name(f"{output.name.removesuffix('.json')}.changes.json")
    for path in (output, log_file):
        if path.exists() or path.is_symlink():
            raise UserError(
                f"--fix {output}: {path} is there already, and nothing is overwritten. "
                "Give another name."
            )
    folder = output.absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UserError(
            f"--fix {output}: the folder {folder} does not exist or cannot be written. "
            "Nothing was changed; give another place."
        )
    return log_file


def _repaired(path: Path, given: RepairInput, log: ChangeLog) -> Iterator[bytes]:
    """Yield the text of the copy, one annotation at a time: a large file is never held twice."""
    plan = plan_repair(given)
    others = read_other_members(path)
    top = read_top_level(path)
    image_records, category_records = _decoded(top.images), _decoded(top.categories)
    del top
    categories, category_ids = repaired_categories(
        given, kept_usage(given, plan), category_records, log
    )
    images, image_ids = repaired_images(given, image_records, log)
    copies = exact_copies(given, plan, image_ids, category_ids)
    plan = replace(plan, removed={**plan.removed, "B14": copies})
    yield b"{" + b"".join(_encoded({key: value})[1:-1] + b",\n" for key, value in others.items())
    yield b'"images":['
    yield from _listed(images)
    yield b'],\n"annotations":['
    yield from _listed(repaired_annotations(given, plan, image_ids, category_ids, log))
    yield b'],\n"categories":['
    yield from _listed(categories)
    yield b"]}\n"


def _listed(records: Iterable[AnyRecord]) -> Iterator[bytes]:
    for number, record in enumerate(records):
        yield (b",\n" if number else b"\n") + _encoded(record)


def _encoded(record: AnyRecord) -> bytes:
    try:
        return msgspec.json.encode(record)
    except (UnicodeEncodeError, OverflowError):
        # Half a surrogate pair is no character: nothing could write or read it again.
        text = json.dumps(record, ensure_ascii=False).encode("utf-8", "replace")
        return msgspec.json.encode(json.loads(text, parse_constant=lambda _: None))


def _decoded(records: Sequence[Any]) -> list[Record]:
    """Return records as dictionaries; one that is none is empty and will not be asked for."""
    return [plain_record(record) for record in records]


def _mask_box(segmentation: Any) -> Sequence[float] | None:
    """Return the xywh box around run lengths, None when they cannot be undone."""
    from pycocotools import mask

    try:
        height, width = segmentation["size"]
        if isinstance(segmentation["counts"], list):
            segmentation = mask.frPyObjects(segmentation, height, width)
        x, y, w, h = mask.toBbox(segmentation).tolist()
    except (TypeError, ValueError, KeyError, IndexError, OverflowError):
        return None
    return (x, y, w, h) if w > 0 and h > 0 else None
