"""A program that other formats need is missed at once, and its refusal loses nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from train_teacher.core.errors import UsageError, UserError
from train_teacher.prediction.other_formats import convert, require_converter


@pytest.fixture
def no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Look for panlabel in an empty folder."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "panlabel"


def test_without_panlabel_the_option_is_refused_with_what_to_install(no_program: Path) -> None:
    with pytest.raises(UsageError, match=r"--yolo: needs panlabel.*train-teacher\[convert\]"):
        require_converter("--yolo")


def test_what_panlabel_refuses_is_told_in_one_line_and_the_json_is_kept(
    no_program: Path, tmp_path: Path
) -> None:
    no_program.write_text("#!/bin/sh\necho 'no such\n   category' >&2\nexit 3\n")
    no_program.chmod(0o755)
    require_converter("--yolo")
    with pytest.raises(UserError, match=r"out: panlabel could not .*no such category.*complete"):
        convert(tmp_path / "a.json", tmp_path / "out", "yolo")
