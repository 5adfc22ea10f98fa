"""The folder for a student: every tool finds each image once, with its own boxes."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
import yaml
from PIL import Image
from pycocotools.coco import COCO

from train_teacher.coco.split_files import discover_splits
from train_teacher.core.errors import UserError
from train_teacher.prediction.students import StudentFolder, StudentImage, student_start

NAMES = ("rot: #1 é", "blue")
WIDTH, HEIGHT = 100, 50
BOX = (10.0, 5.0, 20.0, 10.0)
TURNED_RIGHT = 6
"""EXIF orientation: the image is to be turned by 90 degrees clockwise."""


def student_image(
    root: Path, name: str, part: str = "train", *, label: int = 1, boxes: int = 1, exif: int = 1
) -> StudentImage:
    """Return an image of 100 x 50 pixels on disk: gray by its label, white where its box is."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((HEIGHT, WIDTH, 3), 60 * label, np.uint8)
    x, y, w, h = map(int, BOX)
    pixels[y : y + h, x : x + w] = 255
    picture = Image.fromarray(pixels)
    facts = picture.getexif()
    facts[0x0112] = exif
    # Stored so that it looks like `pixels` once it is turned.
    stored = picture.transpose(Image.Transpose.ROTATE_90) if exif == TURNED_RIGHT else picture
    stored.save(path, exif=facts, **({"quality": 95} if path.suffix == ".jpg" else {}))
    annotations = [{"bbox": list(BOX), "category_id": label, "iscrowd": 0, "area": 200.0}] * boxes
    return StudentImage(part, path, name, WIDTH, HEIGHT, annotations)


def write(root: Path, images: list[StudentImage], **options: bool) -> str:
    values = {"turned": True, "copy": False, **options}
    return StudentFolder(root, NAMES, "labels by exp1", **values).write(images)


def yolo(root: Path) -> dict[str, dict[Path, list[list[float]]]]:
    """Read the folder as Ultralytics does: images of a part, and the numbers of their labels."""
    content = yaml.safe_load((root / "data.yaml").read_text(encoding="utf-8"))
    assert content["names"] == dict(enumerate(NAMES))
    read: dict[str, dict[Path, list[list[float]]]] = {}
    before, after = f"{os.sep}images{os.sep}", f"{os.sep}labels{os.sep}"
    for part in content.keys() - {"names"}:
        read[part] = {}
        for image in sorted((root / content[part]).glob("**/*.*")):
            # img2label_paths of Ultralytics.
            text = Path(after.join(str(image).rsplit(before, 1)).rsplit(".", 1)[0] + ".txt")
            lines = text.read_text().splitlines()
            read[part][image] = [[float(value) for value in line.split()] for line in lines]
    return read


def coco(root: Path) -> dict[str, dict[Path, list[list[float]]]]:
    """Read the folder by its JSONs: the class from 0 and the box in pixels."""
    read = {}
    for part, file in discover_splits(root).items():
        api = COCO(str(file))
        assert [category["name"] for category in api.loadCats(api.getCatIds())] == list(NAMES)
        read[part] = {
            file.parent / image["file_name"]: [
                [one["category_id"] - 1, *one["bbox"]] for one in api.imgToAnns[number]
            ]
            for number, image in api.imgs.items()
        }
        for image in api.imgs.values():
            assert Image.open(file.parent / image["file_name"]).size == (
                image["width"],
                image["height"],
            )
    return read


def test_each_image_is_there_once_with_its_own_boxes_in_both_forms(tmp_path: Path) -> None:
    names = ["a b.jpg", "a b.png", "images/ä.jpg", "x/images/images/b.jpg", "A B.jpg", "a b_.png"]
    images = [
        student_image(tmp_path / "p", name, label=1 + number % 2, boxes=1 + number % 3)
        for number, name in enumerate(names)
    ]
    # The same name from another folder of images.
    images.append(student_image(tmp_path / "q", "a b.jpg", label=2, boxes=2))
    images += [student_image(tmp_path / "q", f"{part}.jpg", part) for part in ("val", "test")]
    images.append(student_image(tmp_path / "q", "empty.jpg", boxes=0))
    assert write(tmp_path / "out", images) == "8 train, 1 val, 1 test"
    by_yolo, by_coco = yolo(tmp_path / "out"), coco(tmp_path / "out")
    for read in (by_yolo, by_coco):
        found = {path.resolve(): boxes for part in read.values() for path, boxes in part.items()}
        assert found.keys() == {image.path for image in images}
        for image in images:
            labels = [one["category_id"] - 1 for one in image.annotations]
            assert [int(box[0]) for box in found[image.path]] == labels
    for part, images_of_part in by_yolo.items():
        assert images_of_part.keys() == by_coco[part].keys()
    train = by_yolo["train"].values()
    assert {tuple(box[1:]) for boxes in train for box in boxes} == {(0.2, 0.2, 0.2, 0.2)}
    assert {path.parent.name for path in by_yolo["val"]} == {"images"}


@pytest.mark.parametrize("turned", [True, False])
def test_the_boxes_of_a_photo_that_exif_turns_fit_however_a_tool_reads_it(
    tmp_path: Path, turned: bool
) -> None:
    photo = student_image(tmp_path / "p", "é/photo.jpg", exif=TURNED_RIGHT)
    if not turned:  # the boxes are of the pixels as they are stored
        stored = {"bbox": [5.0, HEIGHT + 20.0, 10.0, 20.0], "category_id": 1}
        photo = photo._replace(width=HEIGHT, height=WIDTH, annotations=[stored])
    gif = student_image(tmp_path / "p", "moving.gif")
    images = [photo, gif, student_image(tmp_path / "p", "v.jpg", "val")]
    write(tmp_path / "out", images, turned=turned)
    for read, shares in ((coco(tmp_path / "out"), False), (yolo(tmp_path / "out"), True)):
        assert {path.name for path in read["train"]} == {"photo.jpg", "moving.png"}
        for path, ((_, *box),) in read["train"].items():
            opened = Image.open(path)
            assert opened.getexif().get(0x0112, 1) == 1
            x, y, width, height = np.multiply(box, opened.size * 2) if shares else box
            left, top = (x - width / 2, y - height / 2) if shares else (x, y)
            inside = (round(left), round(top), round(left + width), round(top + height))
            grey = opened.convert("L")
            assert np.mean(grey.crop(inside)) > 240
            assert (np.asarray(grey) > 200).sum() == pytest.approx(200, rel=0.2)


def test_two_spellings_of_an_accent_are_two_names_on_every_system(tmp_path: Path) -> None:
    images = [student_image(tmp_path / "p", f"{name}.jpg") for name in ("\u00e9", "e\u0301", "v")]
    write(tmp_path / "out", images)
    names = {normalize("NFC", path.name) for path in (tmp_path / "out").rglob("*.txt")}
    assert len(names) == 3


def test_without_validation_images_the_last_of_train_are_some(tmp_path: Path) -> None:
    images = [student_image(tmp_path / "p", f"{n:02}.jpg") for n in range(20)]
    assert write(tmp_path / "a", images) == "18 train, 2 val"
    assert [path.name for path in yolo(tmp_path / "a")["val"]] == ["18.jpg", "19.jpg"]
    assert write(tmp_path / "b", images[:2]) == "1 train, 1 val"


def test_a_folder_of_copies_can_be_moved(tmp_path: Path) -> None:
    images = [student_image(tmp_path / "p", f"{n}.jpg") for n in range(3)]
    write(tmp_path / "out", images, copy=True)
    shutil.rmtree(tmp_path / "p")
    (tmp_path / "out").rename(tmp_path / "moved")
    for read in (yolo(tmp_path / "moved"), coco(tmp_path / "moved")):
        assert sum(Image.open(path).width for part in read.values() for path in part) == 3 * WIDTH


def test_a_disk_without_links_gets_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", refuse)
    write(tmp_path / "out", [student_image(tmp_path / "p", f"{n}.jpg") for n in range(3)])
    found = list((tmp_path / "out").rglob("*.jpg"))
    assert [path.is_symlink() for path in found] == [False] * 3


def test_yolo_gets_boxes_cut_at_the_edge_and_no_crowds_and_coco_gets_all(tmp_path: Path) -> None:
    image = student_image(tmp_path / "p", "a.jpg", label=2)
    boxes = [
        {"bbox": [-10.0, 40.0, 30.0, 20.0], "category_id": 2, "iscrowd": 0},
        {"bbox": [0.0, 0.0, 100.0, 50.0], "category_id": 1, "iscrowd": 1, "score": 0.5},
    ]
    images = [image._replace(annotations=boxes), student_image(tmp_path / "p", "b.jpg", "val")]
    write(tmp_path / "out", images)
    (lines,) = yolo(tmp_path / "out")["train"].values()
    assert lines == [[1, 0.1, 0.9, 0.2, 0.2]]
    written = json.loads((tmp_path / "out" / "train" / "_annotations.coco.json").read_text())
    assert [one["iscrowd"] for one in written["annotations"]] == [0, 1]


def test_nothing_to_learn_from_and_a_place_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    empty = [student_image(tmp_path / "p", f"{n}.jpg", boxes=0) for n in range(2)]
    with pytest.raises(UserError, match="no image for training has a box"):
        write(tmp_path / "out", empty)
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file: cannot be written: Not a directory"):
        write(tmp_path / "file", [student_image(tmp_path / "p", f"{n}.jpg") for n in range(2)])


def test_what_starts_a_student_can_be_pasted_whatever_the_folder_is_called() -> None:
    root = Path("/tmp/it's a 'folder'")
    assert student_start("coco", root).startswith("inspect-data '/tmp/it'")
    assert "yolo detect train 'data=/tmp/it'" in student_start("ultralytics", root)
    for student in ("rfdetr", "lightly"):
        compile(student_start(student, root), student, "exec")
