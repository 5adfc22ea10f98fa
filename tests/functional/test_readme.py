"""The offline commands of README and how-to pages work as they are written."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from generated_data import make_images

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs" / "how-to").glob("*.md")))
PROGRAMS = ("inspect-data ", "train-teacher ")


NEEDS_MORE = re.compile(
    r"[\[>$|]|--resume|\b[A-Z]{3,}\b(?!=)|\w+/ |(?!data)\b\w+\.(json|yaml|pth|py)"
)
"""Commands with a place-holder, or with files that a reader has and this test has not."""


def written_commands(*pages: Path) -> list[str]:
    """Return the commands of code blocks that start something new from `data.json`."""
    lines = [line for page in pages for line in page.read_text(encoding="utf-8").splitlines()]
    commands = [line.split("  #")[0].strip() for line in lines if line.strip().startswith(PROGRAMS)]
    wanted = (c for c in commands if "data.json" in c and not NEEDS_MORE.search(c))
    return list(dict.fromkeys(wanted))


def test_the_readme_shows_both_commands() -> None:
    commands = written_commands(README)
    assert all(any(command.startswith(name) for command in commands) for name in PROGRAMS)


@pytest.mark.parametrize("command", written_commands(*PAGES))
def test_a_command_of_the_readme_or_of_a_how_to_runs(command: str, tmp_path: Path) -> None:
    make_images(tmp_path, images=20, seed=1, classes=("red star", "blue ring"))
    (tmp_path / "annotations.json").rename(tmp_path / "data.json")
    program, *arguments = shlex.split(command)
    if program == "train-teacher" and "--dry-run" not in arguments:
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
