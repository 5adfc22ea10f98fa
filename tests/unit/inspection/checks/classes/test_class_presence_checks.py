from __future__ import annotations

from pathlib import Path

from coco_factory import annotation
from inspected_data import data_of, file_of, read
from train_teacher.inspection.checks.classes.class_presence_checks import check_every_class_present


def test_a_class_without_a_box_on_one_side_is_d5(tmp_path: Path) -> None:
    train = read(tmp_path, annotations=[annotation(1)])
    both = read(tmp_path, annotations=[annotation(1), annotation(2, category_id=2)])
    val = file_of(both, name="val", train=train)
    test = file_of(read(tmp_path, annotations=[]), name="test", train=train)

    learned, measured = check_every_class_present(data_of(file_of(train), val, test))

    assert (learned.code, learned.severity) == ("D5", "warning")
    assert (learned.split, learned.ids) == ("val", (2,))
    assert "train has no box of 1 class" in learned.message
    assert (measured.split, measured.ids) == ("test", (1,))
    assert check_every_class_present(data_of(both, file_of(both, name="val"))) == []
