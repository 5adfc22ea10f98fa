from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from train_teacher.doctor import look
from train_teacher.doctor.facts import TrainingStack
from train_teacher.doctor.import_probe import MARK
from train_teacher.doctor.look import look_at_environment, read_probe

ROOT = Path(__file__).resolve().parents[3]


def told(*results: dict[str, object]) -> str:
    return "".join(f"{MARK}{json.dumps(result)}\n" for result in results)


def test_facts_of_all_steps_come_together() -> None:
    gpu = {"name": "A", "capability": [9, 0], "total_bytes": 2, "free_bytes": 1}
    stdout = "a package prints this\n" + told(
        {"step": "torch"},
        {"step": "torch", "facts": {"torch": "2.13.0", "gpus": [gpu], "cuda_available": True}},
        {"step": "mmdet"},
        {"step": "mmdet", "facts": {"mmcv_ops": "compiled"}},
    )
    stack = read_probe(stdout, "", 0)
    assert stack.problems == ()
    assert (stack.torch, stack.mmcv_ops) == ("2.13.0", "compiled")
    assert stack.gpus[0].capability == (9, 0)


def test_a_problem_is_told_once_with_the_step_that_met_it_first() -> None:
    problem = {"types": ["ImportError"], "message": "libcudart.so: cannot open"}
    stdout = told({"step": "torch", "problem": problem}, {"step": "mmdet", "problem": problem})
    (found,) = read_probe(stdout, "", 0).problems
    assert found.module == "torch"
    assert found.types == ("ImportError",)


def test_a_process_that_is_killed_names_the_step_it_was_in() -> None:
    stdout = told({"step": "torch", "facts": {"torch": "2.13.0"}}, {"step": "mmdet"})
    stack = read_probe(stdout, "", -11)
    assert stack.torch == "2.13.0"
    assert stack.problems[0].module == "mmdet"
    assert stack.problems[0].message == "ended by signal 11"


def test_a_process_that_cannot_start_shows_its_last_line() -> None:
    stack = read_probe("", "Traceback\nSyntaxError: invalid syntax\n\n", 1)
    assert stack.problems[0].message == "SyntaxError: invalid syntax"


@pytest.fixture
def no_imports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(look, "_training_stack", TrainingStack)
    monkeypatch.setenv("TRAIN_TEACHER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.mark.usefixtures("no_imports")
def test_the_ranges_are_those_of_the_installed_metadata(tmp_path: Path) -> None:
    seen = look_at_environment("swin-t", tmp_path)
    by_name = {requirement.name: requirement for requirement in seen.requirements}
    assert by_name["mmdet"].specifier == "==3.3.0"
    assert f'"torch{by_name["torch"].specifier}"' in (ROOT / "pyproject.toml").read_text()
    assert by_name["torch"].fits
    assert by_name["mmcv"].extra == "ops"
    assert ("deformops" in by_name) == (sys.version_info >= (3, 12))
    assert "pytest" not in by_name
    assert seen.python_fits
    assert seen.distributions["mmdet"] == "3.3.0"


@pytest.mark.usefixtures("no_imports")
def test_what_is_not_there_is_only_looked_for(tmp_path: Path) -> None:
    seen = look_at_environment("swin-t", tmp_path / "not" / "yet")
    assert [needed.present for needed in seen.needed] == [False, False]
    assert list(tmp_path.iterdir()) == []
    assert all(disk.free_bytes > 0 for disk in seen.disks)


@pytest.mark.usefixtures("no_imports")
def test_the_demo_preset_has_all_it_needs(tmp_path: Path) -> None:
    seen = look_at_environment("demo", tmp_path)
    assert [needed.present for needed in seen.needed] == [True, True]


@pytest.mark.usefixtures("no_imports")
def test_a_damaged_checkpoint_is_seen(tmp_path: Path) -> None:
    place = Path(look_at_environment("swin-t", tmp_path).needed[0].place)
    place.parent.mkdir(parents=True)
    place.write_bytes(b"<html>")
    assert "web page" in str(look_at_environment("swin-t", tmp_path).needed[0].problem)
