import json
import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from train_teacher.core.errors import UserError
from train_teacher.images.image_list import list_images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.jpg", "sub/b.PNG", "sub/deep/c.jpeg", ".hidden/d.jpg"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    (tmp_path / "images" / "notes.md").write_text("no image")
    return tmp_path / "images"


def test_a_folder_gives_its_images_and_those_below_it(folder: Path) -> None:
    listed = list_images([folder])
    assert listed.names == ["a.jpg", "sub/b.PNG", "sub/deep/c.jpeg"]
    assert listed.ids == [1, 2, 3]
    assert listed.paths(1) == [folder / "sub/b.PNG", folder / "sub/deep/c.jpeg"]


def test_a_image_named_twice_is_there_once(folder: Path) -> None:
    listed = list_images([folder / "sub", folder / "sub/b.PNG", folder])
    assert listed.names == ["sub/b.PNG", "sub/deep/c.jpeg", "a.jpg"]


def test_a_list_is_relative_to_itself(folder: Path) -> None:
    (folder / "list.txt").write_text("a.jpg\n\nsub/b.PNG\n")
    assert list_images([folder / "list.txt"]).names == ["a.jpg", "sub/b.PNG"]


def test_a_coco_file_keeps_its_ids_and_names(folder: Path) -> None:
    images = [
        {"id": 70, "file_name": "sub/b.PNG", "width": 8, "height": 8},
        {"id": 5, "file_name": "a.jpg", "width": 8, "height": 8},
    ]
    content = {"images": images, "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    (folder / "data.json").write_text(json.dumps(content))
    listed = list_images([folder / "data.json"])
    assert (listed.names, listed.ids) == (["sub/b.PNG", "a.jpg"], [70, 5])
    assert all(path.is_file() for path in listed.paths())


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("absent.jpg", "there is no such file or folder"),
        ("notes.md", "is no image, folder or .txt list"),
        ("empty", "holds no image"),
        ("gone.txt", r"1 of its 2 files do not exist, such as .*x\.jpg"),
    ],
)
def test_what_is_no_image_is_named(folder: Path, source: str, message: str) -> None:
    (folder / "empty").mkdir()
    (folder / "gone.txt").write_text("a.jpg\nx.jpg\n")
    with pytest.raises(UserError, match=message):
        list_images([folder / source])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' file names are Unicode")
def test_a_name_that_no_json_can_hold_is_refused_with_the_cure(folder: Path) -> None:
    os.close(os.open(os.fsencode(folder) + b"/caf\xe9.png", os.O_CREAT))
    with pytest.raises(UserError, match=r"1 of \d file names are not UTF-8, such as .*udce9"):
        list_images([folder])
