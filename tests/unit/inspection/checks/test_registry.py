from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from coco_factory import make_coco
from inspected_data import data_of, file_of
from planted import DEFECTS
from train_teacher.coco.dataset import CocoDataset
from train_teacher.coco.reader import read_coco
from train_teacher.inspection.checks import registry
from train_teacher.inspection.checks.registry import CHECKS, FILE_CHECKS

FOLDER = Path(registry.__file__).parent


def test_a_clean_set_gives_no_finding(tmp_path: Path) -> None:
    train = read_coco(make_coco(tmp_path, write_images=False))
    data = data_of(file_of(train))

    assert [f for check in FILE_CHECKS for f in check(data.train)] == []
    assert [f for check in CHECKS for f in check(data)] == []


def test_every_check_is_run_or_called_by_another() -> None:
    text = "".join(path.read_text() for path in FOLDER.rglob("*_checks.py"))
    called = set(re.findall(r"(?<!def )\b(check_\w+)\(", text))
    run = [check.__name__ for check in (*FILE_CHECKS, *CHECKS)]

    assert set(re.findall(r"^def (check_\w+)\(", text, re.M)) == {*run, *called}
    assert len(run) == len(set(run))


def test_every_code_is_planted_or_has_a_unit_test() -> None:
    given = _codes(FOLDER.rglob("*_checks.py"))
    tested = _codes(Path(__file__).parent.rglob("test_*.py"))

    assert given - {code.split()[0] for code in DEFECTS} <= tested


def _codes(files: Iterable[Path]) -> set[str]:
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    return set(re.findall(r'"([A-Z]\d{1,2})"', text))


def test_a_check_is_run_for_each_file_or_once_by_what_it_looks_at() -> None:
    asked = [
        {next(iter(inspect.get_annotations(check).values())) for check in checks}
        for checks in (FILE_CHECKS, CHECKS)
    ]

    assert asked == [{"InspectedFile"}, {"Inspected"}]


def test_what_only_the_training_file_is_told_is_not_told_of_another(
    dataset_of: Callable[..., CocoDataset],
) -> None:
    unused = dataset_of(categories=[{"id": n, "name": name} for n, name in enumerate("abc", 1)])
    train, val = file_of(unused), file_of(unused, name="val", train=dataset_of())

    assert "R7" in {f.code for check in FILE_CHECKS for f in check(train)}
    assert "R7" not in {f.code for check in FILE_CHECKS for f in check(val)}
