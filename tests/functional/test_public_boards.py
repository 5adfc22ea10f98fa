"""scripts/benchmarks/public_boards.py runs a board on sets in their published layout."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from generated_data import make_images

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "benchmarks" / "public_boards.py"
RABBITS, PACKAGES = "CottontailRabbits", "Packages/Raw"


@pytest.fixture(scope="module")
def boards() -> ModuleType:
    spec = importlib.util.spec_from_file_location("public_boards", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_board_is_scored_zero_shot_beside_what_was_published(
    boards: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made = make_images(tmp_path / "made", images=3, seed=5, classes=["red circle"])
    valid = tmp_path / "odinw" / RABBITS / "valid"
    shutil.copytree(made.parent / "images", valid)
    labels = made.read_text().replace("red circle", "Cottontail-Rabbit")
    (valid / "annotations_without_background.json").write_text(labels.replace("images/", ""))
    (tmp_path / "odinw" / PACKAGES).mkdir(parents=True)

    status = boards.main(["odinw13", str(tmp_path / "odinw"), "--model", "demo"])
    told, commands = capfd.readouterr()
    rows = {row[1]: row[2:4] for row in (line.split(" | ") for line in _cells(told))}
    assert 0 <= float(rows[RABBITS][0]) <= 100
    assert rows[RABBITS][1] == "78.6"
    assert rows[PACKAGES][0].startswith("failed")
    assert rows["PascalVOC"] == ["not there", "56.6"]
    assert rows["mean of 1"][1] == "-"
    assert status == 1
    assert "--class-prompt Cottontail-Rabbit=rabbit" in commands


def _cells(table: str) -> list[str]:
    return [f" | {line.strip('| ')} | " for line in table.splitlines()]


def test_training_boards_train_once_and_score_the_test_file(
    boards: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    def pretended(program: str, *arguments: object) -> str:
        ran.append([program, *map(str, arguments)])
        if program == "train-teacher":
            output = Path(ran[-1][ran[-1].index("--output") + 1])
            output.mkdir(parents=True)
            (output / "results.json").write_text("{}")
        return '{"scores": {"average_precision": 0.5}}'

    monkeypatch.setattr(boards, "run", pretended)
    for name in ("one", "two with spaces"):
        (tmp_path / "rf20" / name).mkdir(parents=True)
    given = ["rf20-vl-fsod", str(tmp_path / "rf20"), "--runs", str(tmp_path / "runs")]
    assert boards.main([*given, "--", "--epochs", "2"]) == 0
    assert [command[0] for command in ran] == ["train-teacher", "teacher"] * 2
    place = str(tmp_path / "rf20" / "two with spaces")
    assert ran[2][ran[2].index("--data") + 1] == place
    assert ran[2][-2:] == ["--epochs", "2"]
    assert f"{place}/test/_annotations.coco.json" in ran[3]
    ran.clear()
    assert boards.main(given) == 0
    assert [command[0] for command in ran] == ["teacher"] * 2


def test_every_board_says_what_it_runs_and_the_page_names_each(boards: ModuleType) -> None:
    page = (ROOT / "docs" / "public-checks.md").read_text()
    for name, board in boards.yaml.safe_load(boards.BOARDS.read_text()).items():
        assert {"model", "test", "sets"} <= set(board), name
        assert f"public_boards.py {name} " in page, name
    assert page.count("not run by us") >= 6
