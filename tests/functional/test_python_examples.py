"""The Python API: the examples of its page and of the notebook run as they stand."""

from __future__ import annotations

import doctest
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from train_teacher import __all__ as public

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "python.md"
NOTEBOOK = ROOT / "examples" / "train_and_use.ipynb"


ALL = """
import doctest, sys
print("failed %d of %d" % doctest.testfile(sys.argv[1], module_relative=False))
exec(sys.argv[2])
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """Run page and notebook beside a data set, in one process: PyTorch is loaded once."""
    folder = tmp_path_factory.mktemp("examples")
    script = ROOT / "scripts" / "make_demo_data.py"
    subprocess.run([sys.executable, script, folder / "data", "--images", "24"], check=True)
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    notebook = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    return subprocess.run(
        [sys.executable, "-c", ALL, str(PAGE), notebook],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_every_public_name_has_an_example() -> None:
    examples = doctest.DocTestParser().get_examples(PAGE.read_text(encoding="utf-8"))
    shown = "".join(example.source for example in examples)

    assert [name for name in public if name not in shown and name != "__version__"] == []


def test_the_examples_of_the_python_page_run(done: subprocess.CompletedProcess[str]) -> None:
    assert re.search(r"^failed 0 of [1-9]", done.stdout, re.MULTILINE), done.stdout


def test_the_notebook_runs_from_top_to_bottom(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr
    assert "24 images of 5 classes" in done.stdout
    assert "exp2/report.html" in done.stdout
