"""CONTRIBUTING's example of a new check, followed word by word in a copy of the sources."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("src", "tests", "docs", "pyproject.toml")
STEP = re.compile(r"[Ww]rite (?:its story, )?`([^`]+)`.*?```\w+\n(.*?)\n *```", re.DOTALL)


@pytest.fixture(scope="module")
def section() -> str:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return text.partition("## Add a check")[2].partition("\n## ")[0]


@pytest.fixture(scope="module")
def copy(section: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name)
        else:
            shutil.copy(ROOT / name, folder / name)
    for path, content in STEP.findall(section):
        (folder / path).write_text(textwrap.dedent(content) + "\n", encoding="utf-8")
    return folder


def run(copy: Path, *command: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(copy / "src"), str(copy / "tests")])
    return subprocess.run(
        [sys.executable, *command],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_example_is_three_new_files(section: str) -> None:
    paths = [path for path, _ in STEP.findall(section)]

    assert [Path(path).parts[0] for path in paths] == ["src", "docs", "tests"]
    assert not any((ROOT / path).exists() for path in paths)


def test_the_tests_that_the_example_names_pass(section: str, copy: Path) -> None:
    (command,) = re.findall(r"\.venv/bin/python (-m pytest .*)", section)
    done = run(copy, *command.split(), "-q", "-p", "no:cacheprovider")

    assert done.returncode == 0, done.stdout[-3000:]
    assert run(copy, "-m", "ruff", "check", "src", "tests").stdout == "All checks passed!\n"


def test_the_new_check_is_run_and_explained(copy: Path) -> None:
    code = (
        "from train_teacher.cli.main import inspect_data; import sys;"
        "sys.argv = ['inspect-data', *sys.argv[1:]]; inspect_data()"
    )
    record = '{"id": -1, "file_name": "a.jpg", "width": 64, "height": 48}'
    text = f'{{"images": [{record}], "annotations": [], "categories": []}}'
    (copy / "data.json").write_text(text, encoding="utf-8")

    assert "with an id below 0" in run(copy, "-c", code, "data.json", "--no-images").stdout
    assert run(copy, "-c", code, "--explain", "r11").stdout.startswith("R11  An image id is below")
