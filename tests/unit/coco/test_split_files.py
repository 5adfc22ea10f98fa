from __future__ import annotations

from pathlib import Path

import pytest

from coco_factory import make_coco
from train_teacher.coco.split_files import discover_splits
from train_teacher.core.errors import UserError

NAME = "_annotations.coco.json"


def test_a_file_is_the_training_set(tmp_path: Path) -> None:
    file = make_coco(tmp_path, write_images=False)

    assert discover_splits(file, val=file) == {"train": file, "val": file}


@pytest.mark.parametrize("val", ["valid", "val", "validation"])
def test_the_roboflow_layout_is_recognised(tmp_path: Path, val: str) -> None:
    files = {
        split: make_coco(tmp_path / folder, name=NAME, write_images=False)
        for split, folder in (("train", "train"), ("val", val), ("test", "test"))
    }

    assert discover_splits(tmp_path) == files
    assert list(discover_splits(tmp_path)) == ["train", "val", "test"]


def test_a_folder_with_one_json_is_that_json(tmp_path: Path) -> None:
    file = make_coco(tmp_path, write_images=False)

    assert discover_splits(tmp_path) == {"train": file}


def test_a_folder_with_several_json_files_is_refused_by_naming_them(tmp_path: Path) -> None:
    make_coco(tmp_path, name="a.json", write_images=False)
    make_coco(tmp_path, name="b.json", write_images=False)

    with pytest.raises(UserError, match=r"2 JSON files \(a.json, b.json\)"):
        discover_splits(tmp_path)


def test_a_folder_without_training_part_is_refused(tmp_path: Path) -> None:
    make_coco(tmp_path / "valid", name=NAME, write_images=False)

    with pytest.raises(UserError, match="no training part"):
        discover_splits(tmp_path)


def test_an_empty_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no COCO JSON"):
        discover_splits(tmp_path)
    with pytest.raises(UserError, match="F1 there is no such file"):
        discover_splits(tmp_path / "a.json")
