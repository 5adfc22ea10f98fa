import numpy as np

from train_teacher.splits.groups import Grouping
from train_teacher.splits.report import SplitReport, report_split, split_lines
from train_teacher.splits.split import LabelledImages

SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}


def report(classes: int = 2, notes: tuple[str, ...] = ()) -> SplitReport:
    """Ten images of class 0, with two boxes each; the last one shows class 1 too; two are empty."""
    rows = [row for row in range(8) for _ in range(2)] + [7]
    data = LabelledImages(
        file_names=[f"{9 - row}.jpg" for row in range(10)],
        groups=np.array([0, 0, *range(1, 9)]),
        image_rows=np.array(rows),
        classes=np.array([0] * 16 + [1]),
        class_names=[f"class {k}" for k in range(classes)],
    )
    split = {"train": np.array([0, 1, 2, 6, 7, 8]), "val": np.array([3, 4, 5]), "test": [9]}
    grouping = Grouping(data.groups, data.groups, ("2 images with the same content",), notes)
    return report_split(
        data,
        {name: np.asarray(part) for name, part in split.items()},
        SHARES,
        grouping,
        group_by="auto",
        seed=3,
    )


def test_images_and_boxes_are_counted_by_split_and_class() -> None:
    found = report()
    assert found.images == {"train": 6, "val": 3, "test": 1}
    assert found.images_without_boxes == {"train": 1, "val": 0, "test": 1}
    assert found.boxes == {"train": 11, "val": 6, "test": 0}
    first, second = found.classes
    assert first.images == {"train": 5, "val": 3, "test": 0}
    assert first.boxes == {"train": 10, "val": 6, "test": 0}
    assert (first.groups, second.groups) == (7, 1)
    assert (found.num_groups, found.largest_group) == (9, 2)


def test_every_file_has_its_split_in_the_order_of_names() -> None:
    files = report().files
    assert list(files) == [f"{number}.jpg" for number in range(10)]
    assert files["0.jpg"] == "test"
    assert files["9.jpg"] == "train"


def test_what_could_not_be_met_is_said() -> None:
    text = "\n".join(report().not_met)
    assert "class 'class 1' has 1 group of images: only in train" in text
    assert "class 'class 0' has 7 groups of images: only in train and val, no room" in text
    assert "val 30.0% instead of 15.0%" in text
    assert "test" not in text.splitlines()[0]


def test_a_class_without_boxes_is_no_failure_of_the_split() -> None:
    assert "class 2" not in "\n".join(report(3).not_met)


def test_the_lines_show_the_rule_the_counts_and_the_notes() -> None:
    lines = split_lines(report(notes=("a note",)))
    assert lines[0] == "split     by auto, seed 3: 10 images in 9 groups, the largest of 2"
    assert "          together: 2 images with the same content" in lines
    assert any(line.split() == ["class", "0", "5/10", "3/6", "0/0"] for line in lines)
    assert lines[-1] == "note      a note"


def test_many_classes_are_left_to_the_file() -> None:
    lines = split_lines(report(40))
    assert not any("5/10" in line for line in lines)
