"""The fast tier leaves out the tests that it should."""

from __future__ import annotations

from pathlib import Path

import pytest

import tiers

TESTS = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("place", "text", "tier"),
    [
        ("unit/test_a.py", "from train_teacher.coco.reader import read", set()),
        ("unit/test_b.py", "def test():\n    import torch", {"model"}),
        ("unit/test_c.py", "from train_teacher.mmdet_plugin.lora import targets", {"model"}),
        ("unit/test_d.py", "from demo_model import make_settings", set()),
        ("unit/test_e.py", "from demo_model import build_model, make_settings", {"model"}),
        ("unit/test_f.py", "import module_comparison", {"model"}),
        ("unit/test_g.py", "import subprocess", set()),
        ("functional/test_h.py", "from inspected_data import inspect_data", set()),
        ("functional/test_i.py", "import subprocess", {"slow"}),
        ("functional/test_j.py", "import subprocess\nA = 'train-teacher'", {"slow", "model"}),
    ],
)
def test_a_new_file_finds_its_tier_by_what_it_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, text: str, tier: set[str]
) -> None:
    monkeypatch.setattr(tiers, "TESTS", tmp_path)
    path = tmp_path / place
    path.parent.mkdir()
    path.write_text(text)
    assert tiers.tiers_of(path) == tier


def test_every_slow_file_is_there() -> None:
    assert [name for name in tiers.SLOW_FILES if not (TESTS / name).is_file()] == []


def test_most_files_are_in_the_fast_tier() -> None:
    found = [tiers.tiers_of(path) for path in TESTS.rglob("test_*.py")]
    assert sum(not tier for tier in found) > len(found) / 2
