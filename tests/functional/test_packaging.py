from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from train_teacher import __version__

ROOT = Path(__file__).resolve().parents[2]
PRESETS = sorted(path.name for path in (ROOT / "configs").glob("*.yaml"))
STORIES = sorted(path.name for path in (ROOT / "docs" / "findings").glob("*.md"))
TEN_MIB_AND_A_LITTLE = 11 * 2**20


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_every_preset_travels_in_the_wheel(names: set[str]) -> None:
    assert PRESETS
    assert {f"train_teacher/configs/{name}" for name in PRESETS} <= names


def test_the_story_of_every_finding_travels_in_the_wheel(names: set[str]) -> None:
    folder = "train_teacher/inspection/explanations/findings"

    assert STORIES
    assert {name for name in names if name.startswith(folder)} == {f"{folder}/{n}" for n in STORIES}


def test_the_demo_model_travels_in_the_wheel(names: set[str]) -> None:
    assert "train_teacher/configs/demo/demo_base.pth" in names
    assert "train_teacher/configs/demo/language_model/vocab.txt" in names


def test_every_module_travels_and_nothing_else_does(names: set[str]) -> None:
    modules = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src" / "train_teacher").rglob("*.py")
    }
    packed = {name for name in names if name.endswith(".py")}
    assert packed == modules
    assert {name.partition("/")[0] for name in names} == {
        "train_teacher",
        f"train_teacher-{__version__}.dist-info",
    }
    assert "train_teacher/py.typed" in names


@pytest.mark.parametrize(
    "table",
    [
        "coco/foreign_formats.yaml",
        "config/protected_keys.yaml",
        "config/variables.yaml",
        "doctor/findings.yaml",
        "failures/known_failures.yaml",
        "settings/foreign_code.yaml",
        "teachers/merged_config.yaml",
    ],
)
def test_a_table_beside_its_module_travels_in_the_wheel(table: str, names: set[str]) -> None:
    assert f"train_teacher/{table}" in names


def test_every_template_travels_and_makes_a_page_there(
    wheel: Path, names: set[str], tmp_path: Path
) -> None:
    source = ROOT / "src"
    templates = {
        path.relative_to(source).as_posix()
        for kind in ("*.j2", "*.css", "*.yaml")
        for path in (source / "train_teacher").rglob(kind)
    }
    assert len(templates) > 1
    assert templates <= names
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = (
        "from train_teacher.reports.comparison import Comparison;"
        "from train_teacher.reports.comparison_page import render_comparison;"
        "print(render_comparison(Comparison((), (), True, (), ()), ()))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert ".scores" in result.stdout
    assert result.stdout.rstrip().endswith("</html>")


def test_no_file_is_surprisingly_large(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        large = [i.filename for i in archive.infolist() if i.file_size > TEN_MIB_AND_A_LITTLE]
    assert large == []


def test_the_wheel_names_licence_and_commands(wheel: Path, names: set[str]) -> None:
    info = f"train_teacher-{__version__}.dist-info"
    assert f"{info}/licenses/LICENSE" in names
    with zipfile.ZipFile(wheel) as archive:
        commands = archive.read(f"{info}/entry_points.txt").decode()
    for command in ("inspect-data", "train-teacher", "teacher"):
        assert f"\n{command} = train_teacher.cli.main:" in commands


def test_the_installed_package_finds_its_own_presets_and_stories(
    wheel: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = (
        "from train_teacher.inspection.explanations.catalogue import explain, findings_folder;"
        "from train_teacher.settings.yaml_files import configs_folder, preset_names;"
        "print(findings_folder(), explain('b13').splitlines()[0], sep='\\n');"
        "print(configs_folder(), *preset_names(), sep='\\n')"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
    )
    stories, title, folder, *found = result.stdout.splitlines()
    package = tmp_path / "train_teacher"
    assert Path(stories) == package / "inspection" / "explanations" / "findings"
    assert title.startswith("# B13: ")
    assert Path(folder) == package / "configs"
    assert [f"{name}.yaml" for name in found] == PRESETS
