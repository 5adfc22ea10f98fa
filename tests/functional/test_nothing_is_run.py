"""Shared and adopted files are data: nothing in them is imported or started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from commands import run_command
from generated_data import make_images

TESTS = Path(__file__).resolve().parents[1]
MARK = "\nraise SystemExit('the file was run')\n"


def test_no_settings_bundle_or_annotation_file_leads_to_an_import_or_a_process(
    tmp_path: Path,
) -> None:
    script = TESTS / "nasty_inputs.py"
    paths = os.pathsep.join([str(TESTS.parent / "src"), str(TESTS)])
    result = subprocess.run(
        [sys.executable, "-W", "ignore", script, tmp_path],
        capture_output=True, text=True, timeout=600, check=False,
        env={**os.environ, "PYTHONPATH": paths, "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    accepted = json.loads(result.stdout.splitlines()[-1])
    # A test in which everything is refused at once would prove little.
    assert accepted["loaded"] > 10
    assert accepted["copied"] > 10
    assert accepted["read_bundle"] > 50
    assert accepted["read_settings_files"] > 5


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    program, *rest = arguments
    return run_command(str(program), *rest)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a run, and put Python into its config and into that of its merged bundle."""
    work = tmp_path_factory.mktemp("run")
    data = make_images(work / "data", images=12, seed=5, classes=("red circle", "blue square"))
    options = ("--model", "demo", "--device", "cpu", "--epochs", 1, "--output", work / "exp")
    for told in (
        command("train-teacher", "--data", data, *options),
        command("teacher", "export", work / "exp", "--output", work / "merged", "--merge"),
    ):
        assert told.returncode == 0, told.stderr
    for path in (work / "exp" / "mmdet_config.py", work / "merged" / "config.py"):
        path.write_text(path.read_text() + MARK)
    return work / "exp"


@pytest.mark.parametrize("place", ["exp", "merged"])
def test_predict_runs_no_config_of_a_folder_unless_it_is_allowed(
    run: Path, place: str, tmp_path: Path
) -> None:
    base = ("teacher", "predict", run.parent / place, run.parent / "data" / "images",
            "--device", "cpu", "--output")  # fmt: skip
    told = command(*base, tmp_path / "found.json")
    assert told.returncode == 0, told.stderr
    assert "was edited" in told.stderr
    allowed = command(*base, tmp_path / "other.json", "--allow-python-config")
    assert allowed.returncode != 0
    assert "the file was run" in allowed.stderr


def test_evaluate_and_export_run_no_config_of_a_folder(run: Path, tmp_path: Path) -> None:
    for told in (
        command("teacher", "evaluate", run, "--device", "cpu"),
        command("teacher", "export", run, "--output", tmp_path / "bundle"),
    ):
        assert told.returncode == 0, told.stderr
        assert "the file was run" not in told.stderr


def test_a_base_config_in_a_runs_settings_is_not_run(run: Path, tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text(MARK)
    settings = run / "settings.yaml"
    before = settings.read_text()
    lines = [line for line in before.splitlines() if not line.startswith("base_config:")]
    settings.write_text("\n".join([*lines, f"base_config: {tmp_path / 'evil.py'}", ""]))
    try:
        for told in (
            command("teacher", "evaluate", run, "--device", "cpu"),
            command("teacher", "export", run, "--output", tmp_path / "bundle"),
            command("train-teacher", "--output", run, "--resume"),
        ):
            assert told.returncode == 2, told.stderr
            assert "the file was run" not in told.stderr
            assert f"base_config: {tmp_path / 'evil.py'} is a Python file" in told.stderr
            assert "--allow-python-config" in told.stderr
    finally:
        settings.write_text(before)


def test_a_preset_of_phrases_runs_python_only_if_it_is_allowed(run: Path, tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text(MARK)
    (tmp_path / "own.yaml").write_text("extends: demo\nbase_config: evil.py\n")
    data = run.parent / "data" / "annotations.json"
    base = ("teacher", "prompts", data, "--model", tmp_path / "own.yaml", "--device", "cpu")
    told = command(*base)
    assert told.returncode == 2, told.stderr
    assert "--allow-python-config" in told.stderr
    allowed = command(*base, "--allow-python-config")
    assert allowed.returncode != 0
    assert "the file was run" in allowed.stderr
