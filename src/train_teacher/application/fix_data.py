"""The use case `inspect-data --fix`: a repaired copy of one JSON, and a log of every change."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.adapters.atomic_file import write_atomically
from train_teacher.adapters.coco_bytes import read_other_members, read_top_level
from train_teacher.application.inspect_data import InspectRequest, describe, load_splits
from train_teacher.domain.dataset_info import Finding
from train_teacher.domain.errors import UsageError, UserError
from train_teacher.domain.repair import (
    Change,
    ChangeLog,
    RepairInput,
    repaired_categories,
    repaired_images,
)
from train_teacher.domain.repair_annotations import repaired_annotations


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
    log_file = output.with_suffix(".changes.json")
    _check(request, output, log_file)
    (split,) = load_splits(request)
    info = describe((split,), request)
    given = RepairInput(
        dataset=split.dataset,
        files=split.files,
        sizes=split.sizes,
        codes=frozenset(finding.code for finding in info.findings),
        mask_box=_mask_box,
    )
    log = ChangeLog()
    if split.dataset.encoding_note:
        log.note("F2", None)
    write_atomically(output, _repaired(request.data, given, log))
    again = replace(request, data=output, images=split.files.image_dir)
    left = describe(load_splits(again), again).findings
    report = FixReport(
        input=str(request.data),
        output=str(output),
        log=str(log_file),
        images=None if split.files.image_dir is None else str(split.files.image_dir),
        changes=log.changes(),
        left=tuple(finding for finding in left if finding.severity != "info"),
    )
    write_atomically(log_file, msgspec.json.format(msgspec.json.encode(report), indent=2))
    return report


def _check(request: InspectRequest, output: Path, log_file: Path) -> None:
    if request.val or request.test or request.data.is_dir():
        raise UsageError(
            "--fix repairs one JSON at a time: give the file itself as DATA, without --val, "
            "--test, and repeat it for the others."
        )
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


def _repaired(path: Path, given: RepairInput, log: ChangeLog) -> bytes:
    top = read_top_level(path)
    categories, category_ids = repaired_categories(given, _decoded(top.categories), log)
    images, image_ids = repaired_images(given, _decoded(top.images), log)
    encode = msgspec.json.encode
    # One annotation at a time: decoded all at once a large file would take six times its size.
    annotations = b",\n".join(
        encode(record) for record in repaired_annotations(given, image_ids, category_ids, log)
    )
    others = encode(read_other_members(path))[1:-1]
    sections = (
        b'"images":[\n' + b",\n".join(map(encode, images)) + b"]",
        b'"annotations":[\n' + annotations + b"]",
        b'"categories":' + encode(categories),
    )
    return b"{" + b",\n".join([part for part in (others, *sections) if part]) + b"}\n"


def _decoded(records: Sequence[Any]) -> list[dict[str, Any]]:
    """Return records as dictionaries; one that is none is empty and will not be asked for."""
    plain = [msgspec.json.decode(r) if isinstance(r, msgspec.Raw) else r for r in records]
    return [record if isinstance(record, dict) else {} for record in plain]


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
