"""`teacher audit`: labels that a teacher doubts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.console.command import FILE, choice, command, option
from train_teacher.console.options import (
    allow_python_config_option,
    images_option,
    teacher_options,
    teacher_place,
)


@command()
@teacher_place
@option("--data", metavar="F", type=FILE, help="COCO JSON to audit instead of val and test.")
@images_option
@option(
    "--folds",
    metavar="K",
    type=int,
    help="Audit the training images too, with K LoRA runs.",
)
@option("--html", metavar="FILE", type=FILE, help="Also write a page with crops.")
@option("--label-studio", metavar="FILE", type=FILE, help="Also write Label Studio tasks.")
@teacher_options
@allow_python_config_option
@choice("--format", "text", "json", help="Output format.")
def audit_command(
    run: Path,
    folds: int | None,
    html: Path | None,
    label_studio: Path | None,
    format: str,
    **options: Any,
) -> int:
    """List labels that a teacher doubts, the likeliest errors first; nothing is changed."""
    from train_teacher.audit.audit import audit
    from train_teacher.audit.output import render_audit, write_page, write_tasks
    from train_teacher.console.progress import progress_line
    from train_teacher.core.atomic_file import require_new
    from train_teacher.core.errors import UsageError
    from train_teacher.core.terminal_text import plain
    from train_teacher.evaluation.evaluate import EvaluateRequest
    from train_teacher.teachers.open import TeacherRequest

    require_new("--html", html)
    require_new("--label-studio", label_studio)
    if label_studio and label_studio.suffix.lower() != ".json":
        raise UsageError(f"--label-studio {label_studio}: give the name of a .json file.")
    request = EvaluateRequest(TeacherRequest.taken_from(options, run), **options)
    result = audit(request, folds, progress=progress_line("images"))
    if html:
        write_page(html, result)
        print(plain(f"page: {html}"), file=sys.stderr)  # noqa: T201
    if label_studio:
        write_tasks(label_studio, result)
        print(plain(f"tasks: {label_studio}"), file=sys.stderr)  # noqa: T201
    as_json = format == "json"
    text = msgspec.json.format(msgspec.json.encode(result.audit)).decode() if as_json else ""
    print(text or plain(render_audit(result)))  # noqa: T201 - the result
    return 0
