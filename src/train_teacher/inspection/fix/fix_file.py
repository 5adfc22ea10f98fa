"""The use case `inspect-data --fix`: a repaired copy of one JSON, and a log of every change."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from train_teacher.coco.categories import real_categories
from train_teacher.coco.dataset import CocoDataset, plain_value
from train_teacher.coco.text import read_other_members, read_top_level
from train_teacher.console.progress import Progress
from train_teacher.core.atomic_file import remove_left, write_atomically
from train_teacher.core.errors import UsageError, UserError
from train_teacher.core.file_lock import held_output
from train_teacher.core.protected_files import refuse_input
from train_teacher.core.words import share
from train_teacher.inspection.describe import describe
from train_teacher.inspection.facts import DatasetInfo, Finding
from train_teacher.inspection.finding import TOLERATED_SHARE
from train_teacher.inspection.fix.annotations import AnyRecord, repaired_annotations
from train_teacher.inspection.fix.plan import (
    RepairPlan,
    exact_copies,
    kept_usage,
    plan_repair,
    reason_of,
)
from train_teacher.inspection.fix.records import (
    WHAT_IS_DONE,
    Change,
    ChangeLog,
    RepairInput,
    id_of,
    repaired_categories,
    repaired_images,
    unread,
)
from train_teacher.inspection.likely_ids import free_image_ids, meant_image_rows, with_image_ids
from train_teacher.inspection.load import InspectRequest, LoadedSplit, load_splits
from train_teacher.prompts.caption import apply_class_prompts, canonical_name, visible_name

LEAST_LOST = 3
"""Annotations; fewer are single mistakes, however small the file."""
NOTHING_TO_DO = "Nothing to do"
"""Beginning of the cure of a finding that training corrects by itself."""


class FixLog(msgspec.Struct, frozen=True):
    """Content of the file beside the copy: the log of all changes."""

    input: str
    output: str
    log: str
    images: str | None
    """Folder that the file names of the copy are relative to."""
    changes: tuple[Change, ...]
    left: tuple[Finding, ...]
    """Errors and warnings that the copy still has and that only the user can correct."""


@dataclass(frozen=True)
class FixReport:
    """Changes that were made, and the state of the copy."""

    written: FixLog
    info: DatasetInfo
    """Of the copy."""
    request: InspectRequest
    """Request with which the copy was inspected."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """Number of changes by code."""
        return self.written.changes

    @property
    def images(self) -> str | None:
        """Folder that the file names of the copy are relative to."""
        return self.written.images

    @property
    def left(self) -> tuple[Finding, ...]:
        """Findings that the user still has to correct."""
        return self.written.left


def fix_data(
    request: InspectRequest,
    output: Path,
    *,
    page: Path | None = None,
    progress: Progress | None = None,
) -> FixReport:
    """Write a repaired copy of a data set's JSON and a log beside it.

    Args:
        request: one JSON file, and where its images are.
        output: the copy; the log is called the same with `.changes.json`.
        page: HTML page on the copy, written with it; nothing is done if it may not be.
        progress: called with images decoded and in all (`deep`).

    Raises:
        UsageError: the data set is a folder, or more than one file; the output or the page is
            the input, an image of it, or both are the same file.
        UserError: the input cannot be read, or the output exists or cannot be written.
    """
    _check_place(request, output)
    with held_output(_mark_of(output), f"--fix {output}"):
        return _fix(request, output, page, progress)


def _fix(
    request: InspectRequest, output: Path, page: Path | None, progress: Progress | None
) -> FixReport:
    log_file = log_beside(output)
    _refuse_existing(output, log_file)
    # The images are decoded when the copy is looked at: nothing before depends on it.
    (split,) = load_splits(replace(request, deep=False))
    _check_wishes(split, request, (output, log_file), page)
    log = ChangeLog()
    image_dir = split.files.image_dir
    with _both_or_none(output, log_file):
        _write_copy(split, output, log)
        # The copy is UTF-8, whatever the file was.
        again = replace(request, data=output, images=image_dir, encoding=None)
        splits = load_splits(again, progress=progress)
        again = replace(again, class_prompts=_prompts_of_copy(request, splits[0]))
        info = describe(splits, again)
        written = FixLog(
            input=str(request.data),
            output=str(output),
            log=str(log_file),
            images=None if image_dir is None else str(image_dir),
            changes=log.changes(),
            left=tuple(filter(_is_left, info.findings)),
        )
        write_atomically(log_file, msgspec.json.format(msgspec.json.encode(written), indent=2))
        if page is not None:
            _write_page(page, info, splits)
    return FixReport(written, info, again)


def _write_page(page: Path, info: DatasetInfo, splits: Sequence[LoadedSplit]) -> None:
    from train_teacher.inspection.page.write import write_inspection_page

    remove_left(page)
    write_inspection_page(page, info, splits)


def _is_left(finding: Finding) -> bool:
    return finding.severity != "info" and not finding.fix.startswith(NOTHING_TO_DO)


def _check_wishes(
    split: LoadedSplit, request: InspectRequest, written: Sequence[Path], page: Path | None
) -> None:
    """Raise errors of the output before anything is written."""
    names = [category.name for category in real_categories(split.dataset)]
    apply_class_prompts(names, request.class_prompts)
    if page is None:
        return
    from train_teacher.inspection.page.write import check_page_target

    if page.resolve() in {path.resolve() for path in written}:
        raise UsageError(f"--html {page}: --fix writes this file. Give another name.")
    check_page_target(page, [split])


def _prompts_of_copy(request: InspectRequest, copy: LoadedSplit) -> dict[str, str]:
    """Return the user's phrases by the names that the classes have in the copy."""
    names = {category.name for category in copy.dataset.categories}
    return {
        kept: phrase
        for name, phrase in request.class_prompts.items()
        for kept in dict.fromkeys((name, visible_name(name), canonical_name(name)))
        if kept in names
    }


def _write_copy(split: LoadedSplit, output: Path, log: ChangeLog) -> None:
    doubt = split.dataset.encoding_doubt
    if doubt is not None:
        raise UserError(
            f"{split.dataset.path}: F2 the text is not UTF-8 and its encoding is not known: "
            f"{doubt}. A copy would have garbage for names. Name it: --encoding NAME."
        )
    if split.dataset.encoding_note:
        log.note("F2", None)
    given = RepairInput(split.dataset, split.files, split.sizes)
    write_atomically(output, _repaired(split.dataset.path, given, log))


@contextmanager
def _both_or_none(output: Path, log_file: Path) -> Iterator[None]:
    """Keep copy and log together: a copy alone would not show its changes.

    What is in the mark beside them tells the same command that it was killed between the two.
    """
    _mark_of(output).write_text("unfinished")
    with ExitStack() as undo:
        undo.callback(_remove_unfinished, output, log_file)
        yield
        undo.pop_all()
    _mark_of(output).unlink()


def _remove_unfinished(output: Path, log_file: Path) -> None:
    """Remove copy and log of a command that was stopped."""
    for path in (output, log_file):
        path.unlink(missing_ok=True)
        remove_left(path)
    os.truncate(_mark_of(output), 0)


def _mark_of(output: Path) -> Path:
    return output.with_name(f".{output.name}.unfinished")


def log_beside(output: Path) -> Path:
    """Return where the log of a copy goes."""
    return output.with_name(f"{output.name.removesuffix('.json')}.changes.json")


def _check_place(request: InspectRequest, output: Path) -> None:
    """Refuse an output that can never be one."""
    if request.val or request.test or request.data.is_dir():
        raise UsageError(
            "--fix repairs one JSON at a time: give the file itself as DATA, without --val, "
            "--test, and repeat it for the others."
        )
    if output.is_dir():
        raise UserError(f"--fix {output}: this is a folder. Give the name of a new file in it.")
    refuse_input(output, [request.data], "--fix")
    folder = output.absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UserError(
            f"--fix {output}: the folder {folder} does not exist or cannot be written. "
            "Nothing was changed; give another place."
        )


def _refuse_existing(output: Path, log_file: Path) -> None:
    """Refuse to overwrite anything but the files of a stopped command."""
    mark = _mark_of(output)
    if mark.exists() and mark.stat().st_size:
        _remove_unfinished(output, log_file)
    for path in (output, log_file):
        if path.exists() or path.is_symlink():
            raise UserError(
                f"--fix {output}: {path} is there already, and nothing is overwritten. "
                "Give another name."
            )


def _repaired(path: Path, given: RepairInput, log: ChangeLog) -> Iterator[bytes]:
    """Yield the text of the copy, one annotation at a time: a large file is never held twice."""
    meant = free_image_ids(given.dataset)
    given = replace(given, dataset=with_image_ids(given.dataset, meant))
    moved = meant_image_rows(given.dataset)
    if moved is not None:
        columns = replace(given.dataset.annotations, image_row=moved)
        given = replace(given, dataset=replace(given.dataset, annotations=columns))
    encoding = given.dataset.encoding
    top = read_top_level(path, encoding)
    image_records, category_records = _decoded(top.images), _decoded(top.categories)
    del top
    unread_images = {id_of(r) for r in unread(image_records, given.dataset.images).values()}
    plan = plan_repair(given, unread_images)
    if moved is not None:
        plan = replace(plan, changed={**plan.changed, "R5": np.ones(len(moved), np.bool_)})
    _refuse_loss(given.dataset, plan)
    others = read_other_members(path, encoding)
    categories, category_ids = repaired_categories(
        given, kept_usage(given, plan), category_records, log
    )
    images, image_ids = repaired_images(given, plan.sizes, meant, image_records, log)
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


def _refuse_loss(dataset: CocoDataset, plan: RepairPlan) -> None:
    """Refuse a copy that lacks, or cannot read, more than a few of the annotations."""
    total = len(dataset.raw_annotations)
    stays = total - len(dataset.annotations) + int((plan.stays & ~plan.gone).sum())
    lost = stays + int(plan.gone.sum())
    if lost < LEAST_LOST or lost <= TOLERATED_SHARE * total:
        return
    first = reason_of(plan.removed)
    counts = {code: int((first == n).sum()) for n, code in enumerate(plan.removed)}
    why = "; ".join(f"{code} {n:,} ({WHAT_IS_DONE[code]})" for code, n in counts.items() if n)
    why += f"{'; ' * bool(why)}F5 {stays:,} (cannot be read)" if stays else ""
    raise UserError(
        f"--fix: nothing was written: of {share(lost, total)} annotations nothing could be made: "
        f"{why}. "
        "These are too many for slips: the file is read wrongly, or was written wrongly. Run "
        "inspect-data without --fix, correct the export by what these codes say, and repeat."
    )


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


def _decoded(records: Sequence[Any]) -> list[Any]:
    return [plain_value(record) for record in records]
