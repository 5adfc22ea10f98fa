"""The labels of a student: those of people where there are some, each image in one split."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coco_factory import annotation, category, image, make_coco, write_image
from train_teacher.core.errors import UserError
from train_teacher.images.image_list import list_images
from train_teacher.prediction.people_labels import labels_of, people_labels
from train_teacher.prediction.students import StudentImage
from train_teacher.runs.folder import RunFolder

NAMES = ("cat", "dog")
PARTS = {"train": ("a", "b"), "val": ("c",), "test": ("d",)}


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Return a run on four images, `b` without boxes."""
    splits = []
    for part, names in PARTS.items():
        make_coco(
            tmp_path / "run" / "data",
            name=f"{part}.json",
            images=[image(n, f"{name}.jpg") for n, name in enumerate(names, 1)],
            annotations=[annotation(1, 1)],
            write_images=False,
        )
        for name in names:
            write_image(tmp_path / "images" / f"{name}.jpg")
        splits.append(SimpleNamespace(name=part, image_dir=str(tmp_path / "images")))
    folder = RunFolder(tmp_path / "run")
    return SimpleNamespace(folder=folder, dataset_info=SimpleNamespace(splits=splits))


def told(people: list[StudentImage]) -> dict[str, tuple[str, int]]:
    """Return part and boxes of each image by its file."""
    return {f"{i.path.parent.name}/{i.path.name}": (i.part, len(i.annotations)) for i in people}


OF_RUN = {
    "images/a.jpg": ("train", 1),
    "images/b.jpg": ("train", 0),
    "images/c.jpg": ("val", 1),
    "images/d.jpg": ("test", 1),
}


def test_new_images_are_left_to_the_teacher_and_no_copy_of_a_labelled_one(
    run: Any, tmp_path: Path
) -> None:
    write_image(tmp_path / "new" / "e.jpg")
    write_image(tmp_path / "new" / "a.jpg")  # another image of the same name
    shutil.copyfile(tmp_path / "images" / "c.jpg", tmp_path / "new" / "copy of val.jpg")
    (tmp_path / "new" / "link.jpg").symlink_to(tmp_path / "images" / "d.jpg")
    listed = list_images([tmp_path / "new", tmp_path / "images" / "b.jpg"])
    people, rest = people_labels(run, listed, [])
    assert told(people) == OF_RUN
    assert rest.names == ["new/a.jpg", "new/e.jpg"]
    assert [listed.names[listed.ids.index(number)] for number in rest.ids] == rest.names


def test_a_coco_file_keeps_its_labels_and_corrects_those_of_the_run(
    run: Any, tmp_path: Path
) -> None:
    # a and c are the run's own, c without the box that was wrong; f has no label yet.
    for name in ("e", "f"):
        write_image(tmp_path / "images" / f"{name}.jpg")
    data = make_coco(
        tmp_path,
        images=[image(n, f"images/{name}.jpg") for n, name in enumerate("acef")],
        annotations=[annotation(n, n // 2, 1 + n % 2) for n in (0, 1, 4)],
        categories=[category(1, "Dog"), category(2, "cat")],
        write_images=False,
    )
    people, rest = people_labels(run, list_images([data]), labels_of(data, None, NAMES))
    expected = {"images/a.jpg": ("train", 2), "images/c.jpg": ("val", 0)}
    assert told(people) == OF_RUN | expected | {"images/e.jpg": ("train", 1)}
    assert rest.names == ["images/f.jpg"]
    (first,) = (one for one in people if one.path.name == "a.jpg")
    assert [one["category_id"] for one in first.annotations] == [2, 1]  # in the run's order


def test_a_bundle_has_no_images_of_its_own(tmp_path: Path) -> None:
    images = [image(n, f"{n}.jpg") for n in (1, 2)]
    data = make_coco(tmp_path, images=images, annotations=[annotation(1)], categories=CATEGORIES)
    people, rest = people_labels(None, list_images([data]), labels_of(data, None, NAMES))
    assert (list(told(people).values()), rest.names) == ([("train", 1)], ["2.jpg"])


CATEGORIES = [category(1, "cat"), category(2, "dog")]


def test_a_class_that_the_teacher_does_not_know_is_refused(tmp_path: Path) -> None:
    # An exporter's root of the same name, which no annotation uses, excuses nothing.
    root = {**category(3, "elk"), "supercategory": "none"}
    elk = {**category(2, "elk"), "supercategory": "elk"}
    data = make_coco(tmp_path, categories=[category(1, "cat"), elk, root])
    with pytest.raises(UserError, match="has the classes 'elk'"):
        labels_of(data, None, NAMES)


def test_an_image_of_the_run_that_is_gone_is_told_before_anything_is_labelled(
    run: Any, tmp_path: Path
) -> None:
    (tmp_path / "images" / "d.jpg").unlink()
    listed = list_images([tmp_path / "images"])
    with pytest.raises(UserError, match=r"images/d\.jpg: an image of the run cannot be read"):
        people_labels(run, listed, [])


def test_a_damaged_split_of_the_run_is_named(run: Any, tmp_path: Path) -> None:
    (tmp_path / "run" / "data" / "val.json").write_text(json.dumps([]))
    with pytest.raises(UserError, match=r"val\.json: is missing or damaged"):
        people_labels(run, list_images([tmp_path / "images"]), [])
