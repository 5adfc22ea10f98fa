"""The README's offline commands work as they are written."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from generated_data import make_images

README = Path(__file__).resolve().parents[2] / "README.md"
PROGRAMS = ("inspect-data ", "train-teacher ")


def written_commands() -> list[str]:
    """Return the commands of the README's code blocks that start something new."""
    lines = (line.strip() for line in README.read_text(encoding="utf-8").splitlines())
    commands = [line.split("  #")[0].strip() for line in lines if line.startswith(PROGRAMS)]
    return [c for c in commands if "[" not in c and "--resume" not in c]


def test_the_readme_shows_both_commands() -> None:
    commands = written_commands()
    assert all(any(command.startswith(name) for command in commands) for name in PROGRAMS)


@pytest.mark.parametrize("command", written_commands())
def test_a_command_of_the_readme_runs(command: str, tmp_path: Path) -> None:
    make_images(tmp_path, images=20, seed=1, classes=("red star", "blue ring"))
    (tmp_path / "annotations.json").rename(tmp_path / "data.json")
    program, *arguments = shlex.split(command)
    if program == "train-teacher":
        # The real run needs the published weights; the review of it needs nothing.
        arguments.append("--dry-run")
    result = subprocess.run(
        [str(Path(sys.executable).parent / program), *arguments],
        cwd=tmp_path,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout
