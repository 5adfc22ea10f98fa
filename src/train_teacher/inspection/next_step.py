"""Next command after looking at a data set, with the options that were given."""

from __future__ import annotations

from typing import Any

from train_teacher.console.follow_up import command_line
from train_teacher.inspection.facts import DatasetInfo
from train_teacher.inspection.load import InspectRequest
from train_teacher.prompts.tokenizer import LANGUAGE_MODEL


def inspect_line(request: InspectRequest) -> str:
    """Return the command that inspects the same data in the same way."""
    return command_line("inspect-data", request.data, **_files(request), **_looked_at(request))


def next_step(request: InspectRequest, info: DatasetInfo) -> str:
    """Return the next step, in a line that ends with the command."""
    errors = [finding for finding in info.findings if finding.severity == "error"]
    if not errors:
        options = {"data": request.data, **_files(request), **_read_as(request)}
        line = command_line("train-teacher", **options, output="exp1", dry_run=True)
        return f"next, to see what would be trained and how: {line}"
    repaired = [finding for finding in errors if "--fix" in finding.fix]
    if not repaired or request.class_from:
        return f"next, after these errors are corrected: {inspect_line(request)}"
    file = next(s.path for s in info.splits if repaired[0].split in (None, s.name))
    options = {"fix": f"{file.removesuffix('.json')}.fixed.json", "images": request.images}
    line = command_line("inspect-data", file, **options, **_looked_at(request))
    return f"next, for a copy with all certain repairs: {line}"


def _files(request: InspectRequest) -> dict[str, Any]:
    return {"val": request.val, "test": request.test, "images": request.images}


def _looked_at(request: InspectRequest) -> dict[str, Any]:
    images = {"deep": request.deep, "no_images": not request.check_images}
    return {**_read_as(request), **images}


def _read_as(request: InspectRequest) -> dict[str, Any]:
    """Return the options shared by `inspect-data` and `train-teacher`, except the files."""
    usual = request.language_model == LANGUAGE_MODEL
    return {
        "class_prompt": request.class_prompts,
        "class_from": request.class_from,
        "encoding": request.encoding,
        "language_model": None if usual else request.language_model,
    }
