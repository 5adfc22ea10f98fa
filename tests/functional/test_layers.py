from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

import train_teacher

ROOT = Path(__file__).resolve().parents[2]
TRAINING = {"torch", "torchvision", "mmcv", "mmengine", "mmdet", "transformers"}
HEAVY = {*TRAINING, "matplotlib", "jinja2"}
LIST_MODULES = "import sys, json, {module}; print(json.dumps(sorted(sys.modules)))"


def modules_after_importing(module: str) -> set[str]:
    """Top-level packages that one import brings into a fresh Python."""
    result = subprocess.run(
        [sys.executable, "-c", LIST_MODULES.format(module=module)],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in json.loads(result.stdout)}


def test_the_import_contract_holds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    status = lint_imports(config_filename="pyproject.toml", no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_the_commands_start_without_the_training_stack() -> None:
    loaded = modules_after_importing("train_teacher.cli.main")
    assert "train_teacher" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("name", ["inspect_data", "DataManager", "TeacherSettings"])
def test_a_light_name_of_the_package_is_imported_without_the_training_stack(name: str) -> None:
    loaded = modules_after_importing(f"train_teacher; train_teacher.{name}")
    assert not loaded & HEAVY


def test_the_probe_for_heavy_modules_sees_one() -> None:
    assert "mmengine" in modules_after_importing("mmengine.config")


def test_only_the_plugin_needs_the_training_stack_at_import() -> None:
    root = Path(train_teacher.__file__).parent
    names = [
        ".".join(("train_teacher", *path.relative_to(root).with_suffix("").parts))
        for path in sorted(root.rglob("*.py"))
        if path.name != "__init__.py" and path.relative_to(root).parts[0] != "mmdet_plugin"
    ]
    assert len(names) > 100
    assert not modules_after_importing(", ".join(names)) & HEAVY


def test_every_folder_says_in_a_sentence_what_lives_there_and_holds_at_most_twenty_files() -> None:
    root = Path(train_teacher.__file__).parent
    for init in root.rglob("__init__.py"):
        files = [path for path in init.parent.glob("*.py") if path != init]
        assert ast.get_docstring(ast.parse(init.read_text())), init
        assert len(files) <= 20, init.parent


def test_the_architecture_page_names_every_folder_in_order_and_only_files_that_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    contract = re.search(r"layers = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.DOTALL)
    assert contract
    layers = re.findall(r'"([^"]+)"', contract[1])
    rows = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert rows == re.findall(r"\w+", " ".join(layers))

    root = Path(train_teacher.__file__).parent
    named = re.findall(r"`([\w/]+/[\w/]+\.py)`", page)
    assert len(named) > 60
    for path in named:
        assert (ROOT / path).is_file() or (root / path).is_file(), path
