"""`inspect-data`: the command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from train_teacher.console.command import FILE, argument, choice, command, flag, option
from train_teacher.console.options import class_from_option, parse_class_prompts
from train_teacher.core.errors import UsageError
from train_teacher.core.terminal_text import plain

if TYPE_CHECKING:
    from train_teacher.console.progress import Progress
    from train_teacher.inspection.facts import DatasetInfo
    from train_teacher.inspection.load import InspectRequest, LoadedSplit


_FAILING = {
    "error": frozenset({"error"}),
    "warning": frozenset({"error", "warning"}),
    "never": frozenset[str](),
}


@command()
@argument(
    "data",
    metavar="[DATA]",
    help="COCO JSON, or a folder with train|valid|test in it.",
    type=FILE,
    required=False,
)
@option("--val", metavar="FILE", type=FILE, help="JSON of the validation set.")
@option("--test", metavar="FILE", type=FILE, help="JSON of the test set.")
@option(
    "--images", metavar="DIR", type=FILE, help="Folder of the images (usually found automatically)."
)
@choice("--format", "text", "json", help="Output format.")
@choice(
    "--fail-on", "error", "warning", "never", help="Exit with 1 from this level of findings on."
)
@option(
    "--html", metavar="FILE", type=FILE, help="Also write the report as one HTML page with plots."
)
@option(
    "--fix", metavar="OUT.json", type=FILE, help="Write a repaired copy and a log of the changes."
)
@flag("--deep", "Decode every image and search for near duplicates.")
@flag("--no-images", "Do not check the image files.")
@option("--explain", metavar="CODE", help="Explain a finding in full, such as R3.")
@option(
    "--language-model",
    metavar="NAME|DIR",
    help="Language model whose vocabulary counts the tokens.",
)
@option(
    "--class-prompt",
    metavar="NAME=PHRASE",
    multiple=True,
    help="Words that stand for a class; repeatable.",
)
@class_from_option
@option("--encoding", metavar="NAME", help="Encoding, if not UTF-8: gb18030, cp1251, ...")
def inspect_command(
    data: Path | None,
    val: Path | None,
    test: Path | None,
    images: Path | None,
    format: str,
    fail_on: str,
    html: Path | None,
    fix: Path | None,
    deep: bool,
    no_images: bool,
    explain: str | None,
    language_model: str | None,
    class_prompt: tuple[str, ...],
    class_from: str | None,
    encoding: str | None,
) -> int:
    """Inspect a COCO data set: contents, problems, and what would be trained.

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
    from train_teacher.inspection.next_step import next_step
    from train_teacher.inspection.text import render_json, render_text

    if deep and no_images:
        raise UsageError("--deep decodes the images and --no-images skips them: give one.")
    if fix is not None and class_from is not None:
        raise UsageError("--fix keeps the categories of the file: give it without --class-from.")
    request = InspectRequest(
        data=data,
        val=val,
        test=test,
        images=images,
        check_images=not no_images,
        deep=deep,
        language_model=language_model,
        class_prompts=parse_class_prompts(class_prompt),
        class_from=class_from,
        encoding=encoding,
    )
    progress = progress_line("images decoded") if deep else None
    share_freed_memory()
    if fix is not None:
        return _fix(request, fix, format, fail_on, html, progress)
    splits = load_splits(request, progress=progress)
    if html is not None:
        from train_teacher.inspection.page.write import check_page_target

        check_page_target(html, splits)
    info = describe(splits, request)
    text = render_json(info) if format == "json" else None
    sys.stdout.write(text or render_text(info, color=sys.stdout.isatty()))
    if html is not None:
        _write_page(html, info, splits)
    if format == "text":
        sys.stderr.write(f"{plain(next_step(request, info))}\n")
    return _exit_code(info, fail_on)


def _write_page(html: Path, info: DatasetInfo, splits: Sequence[LoadedSplit]) -> None:
    from train_teacher.inspection.page.write import write_inspection_page

    write_inspection_page(html, info, splits)
    sys.stderr.write(f"report: {html}\n")


def _exit_code(info: DatasetInfo, fail_on: str) -> int:
    return int(any(finding.severity in _FAILING[fail_on] for finding in info.findings))


def _explain(code: str) -> int:
    from train_teacher.inspection.explanations.catalogue import explain
    from train_teacher.inspection.explanations.text import render_explanation

    sys.stdout.write(render_explanation(explain(code)))
    return 0


def _fix(
    request: InspectRequest,
    output: Path,
    format: str,
    fail_on: str,
    html: Path | None,
    progress: Progress | None,
) -> int:
    """Repair, and report on the copy as on any data set."""
    from train_teacher.inspection.fix.fix_file import fix_data
    from train_teacher.inspection.fix.text import render_fix, render_fix_json

    report = fix_data(request, output, page=html, progress=progress)
    if format == "json":
        sys.stdout.write(render_fix_json(report))
    else:
        sys.stdout.write(plain(render_fix(report)))
    if html is not None:
        sys.stderr.write(f"report: {html}\n")
    return _exit_code(report.info, fail_on)
