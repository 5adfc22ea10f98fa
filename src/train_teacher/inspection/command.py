"""`inspect-data`: options in, one use case, a report out."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from train_teacher.core.errors import UsageError

if TYPE_CHECKING:
    from train_teacher.console.progress import Progress
    from train_teacher.inspection.facts import DatasetInfo
    from train_teacher.inspection.load import InspectRequest, LoadedSplit


class ReportFormat(str, Enum):
    """How the report is written."""

    TEXT = "text"
    JSON = "json"


class FailOn(str, Enum):
    """The mildest finding that makes the exit code 1."""

    ERROR = "error"
    WARNING = "warning"
    NEVER = "never"


_FAILING = {
    FailOn.ERROR: frozenset({"error"}),
    FailOn.WARNING: frozenset({"error", "warning"}),
    FailOn.NEVER: frozenset[str](),
}


def inspect_command(
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA",
            help="COCO JSON, or a folder with train|valid|test in it.",
            show_default=False,
        ),
    ] = None,
    val: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON of the validation set.")
    ] = None,
    test: Annotated[Path | None, typer.Option(metavar="FILE", help="JSON of the test set.")] = None,
    images: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the images (found by itself if usual)."),
    ] = None,
    format_: Annotated[
        ReportFormat, typer.Option("--format", help="How to write the report.")
    ] = ReportFormat.TEXT,
    fail_on: Annotated[
        FailOn, typer.Option(help="Exit with 1 from this level of findings on.")
    ] = FailOn.ERROR,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write the report as one HTML page with plots."),
    ] = None,
    fix: Annotated[
        Path | None,
        typer.Option(metavar="OUT.json", help="Write a repaired copy and a log of the changes."),
    ] = None,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Decode every image; look for near duplicates."),
    ] = False,
    no_images: Annotated[
        bool, typer.Option("--no-images", help="Do not look for the image files.")
    ] = False,
    explain: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="Tell the whole story of a finding, such as R3."),
    ] = None,
    language_model: Annotated[
        str | None,
        typer.Option(metavar="NAME|DIR", help="Language model whose vocabulary counts the tokens."),
    ] = None,
    class_prompt: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PHRASE", help="Words that stand for a class; repeatable."),
    ] = None,
) -> int:
    """Say what is in a COCO data set, what is wrong with it, and what would be trained.

    Exit code 0: fine; 1: findings at the chosen level, or the file cannot be used; 2: wrong usage.
    """
    if explain is not None:
        return _explain(explain)
    if data is None:
        raise UsageError("inspect-data needs DATA: a COCO JSON, or a folder with train|valid|test.")
    # Imported here so that --help does not wait for numpy.
    from train_teacher.console.progress import progress_line
    from train_teacher.core.memory_allocator import share_freed_memory
    from train_teacher.inspection.describe import describe
    from train_teacher.inspection.load import InspectRequest, load_splits
    from train_teacher.inspection.text import render_json, render_text

    if deep and no_images:
        raise UsageError("--deep decodes the images and --no-images skips them: give one.")
    request = InspectRequest(
        data=data,
        val=val,
        test=test,
        images=images,
        check_images=not no_images,
        deep=deep,
        language_model=language_model,
        class_prompts=_class_prompts(class_prompt or []),
    )
    progress = progress_line("images decoded") if deep else None
    share_freed_memory()
    if fix is not None:
        return _fix(request, fix, format_, fail_on, html, progress)
    splits = load_splits(request, progress=progress)
    if html is not None:
        from train_teacher.inspection.page.write import check_page_target

        check_page_target(html, splits)
    info = describe(splits, request)
    if format_ is ReportFormat.JSON:
        text = render_json(info)
    else:
        text = render_text(info, color=sys.stdout.isatty())
    sys.stdout.write(text)
    if html is not None:
        _write_page(html, info, splits)
    return _exit_code(info, fail_on)


def _write_page(html: Path, info: DatasetInfo, splits: Sequence[LoadedSplit]) -> None:
    from train_teacher.inspection.page.write import write_inspection_page

    write_inspection_page(html, info, splits)
    sys.stderr.write(f"report: {html}\n")


def _exit_code(info: DatasetInfo, fail_on: FailOn) -> int:
    return int(any(finding.severity in _FAILING[fail_on] for finding in info.findings))


def _class_prompts(given: list[str]) -> Mapping[str, str]:
    if not given:
        return {}
    from train_teacher.console.options import parse_assignments

    return parse_assignments(given, "--class-prompt")


def _explain(code: str) -> int:
    from train_teacher.inspection.explanations.catalogue import explain
    from train_teacher.inspection.explanations.text import render_explanation

    sys.stdout.write(render_explanation(explain(code)))
    return 0


def _fix(
    request: InspectRequest,
    output: Path,
    format_: ReportFormat,
    fail_on: FailOn,
    html: Path | None,
    progress: Progress | None,
) -> int:
    """Repair, and report on the copy as on any data set."""
    from train_teacher.core.terminal_text import plain
    from train_teacher.inspection.fix.fix_file import fix_data
    from train_teacher.inspection.fix.text import render_fix, render_fix_json

    report = fix_data(request, output, page=html, progress=progress)
    if format_ is ReportFormat.JSON:
        sys.stdout.write(render_fix_json(report))
    else:
        sys.stdout.write(plain(render_fix(report)))
    if html is not None:
        _write_page(html, report.info, report.splits)
    return _exit_code(report.info, fail_on)
