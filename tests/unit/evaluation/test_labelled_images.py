"""The classes of a labeled file that a teacher is scored on, and files that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from coco_factory import make_coco
from train_teacher.core.errors import UserError
from train_teacher.evaluation.labelled_images import labelled_split, read_labelled
from train_teacher.inspection.load import InspectRequest, LoadedSplit, load_splits


def read_split(path: Path) -> LoadedSplit:
    return load_splits(InspectRequest(path))[0]


def test_classes_that_the_teacher_does_not_know_are_left_out_and_named(tmp_path: Path) -> None:
    split = read_split(make_coco(tmp_path))
    data = labelled_split(split, ("dog", "red car"), ("a dog", "a red car"))
    assert data.ignored_classes == ("cat",)
    assert data.phrases == ("a dog", "a red car")
    assert [c["name"] for c in data.content["categories"]] == ["dog", "red car"]
    assert {a["category_id"] for a in data.content["annotations"]} == {2}
    assert len(data.images) == 12
    assert data.images[0].is_file()


def test_without_a_teachers_names_all_classes_of_the_file_are_asked_for(tmp_path: Path) -> None:
    data = read_labelled(make_coco(tmp_path), None)
    assert data.phrases == ("cat", "red car")
    assert data.ignored_classes == ()


def test_a_file_without_any_of_the_classes_is_refused_with_both_lists(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'cat', 'red car'.*'dog'.*--own-classes"):
        labelled_split(read_split(make_coco(tmp_path)), ("dog",))


def test_missing_images_are_named_because_the_scores_would_be_wrong(tmp_path: Path) -> None:
    path = make_coco(tmp_path)
    (tmp_path / "3.jpg").unlink()
    with pytest.raises(UserError, match=r"1 of 12 images were not found \('3.jpg'\)"):
        read_labelled(path, None)
