"""Files for other tools open there without manual work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
import yaml
from PIL import Image

from train_teacher.core.errors import UserError
from train_teacher.prediction.other_formats import (
    Labelled,
    label_studio_config,
    label_studio_start,
    write_label_studio,
    write_yolo,
)
from train_teacher.prediction.prediction_file import PredictedImage

NAMES = ('red: "star" & <co>', "blue")
BOX = (10.0, 5.0, 20.0, 10.0)
PANLABEL = str(Path(sys.executable).with_name("panlabel"))
"""Another reader of both formats."""


def labelled(root: Path, *names: str, unreadable: str = "") -> Labelled:
    """Return images of 100 x 50 pixels with a box each, which are on disk."""
    images = []
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
        if name == unreadable:
            images.append(PredictedImage(name, unreadable="cut off"))
            continue
        images.append(PredictedImage(name, 100, 50, (number % 2,), (0.75,), (BOX,)))
    return Labelled(lambda: iter(images), len(images), root, NAMES, "exp1")


def ultralytics_label(image: str) -> Path:
    """Return where Ultralytics looks for the labels of an image (img2label_paths)."""
    before, after = f"{os.sep}images{os.sep}", f"{os.sep}labels{os.sep}"
    return Path(after.join(image.rsplit(before, 1)).rsplit(".", 1)[0] + ".txt")


def images_of(folder: Path, part: str) -> list[Path]:
    """Return the images that a path of data.yaml leads to, as Ultralytics resolves it."""
    content = yaml.safe_load((folder / "data.yaml").read_text(encoding="utf-8"))
    root = Path(content.get("path") or folder)
    return sorted(path for path in (root / content[part]).rglob("*.*") if path.is_file())


@pytest.mark.parametrize("copy", [False, True])
def test_ultralytics_finds_images_of_train_and_val_and_the_labels_of_each(
    tmp_path: Path, copy: bool
) -> None:
    source = labelled(tmp_path / "p", *(f"sub/{number:02} a.jpg" for number in range(20)))
    written = tmp_path / "images" / "yolo"
    written.parent.mkdir()
    write_yolo(source, written, copy=copy)
    if copy:
        # It can be moved, and lives on without the images it was made from.
        shutil.rmtree(source.root)
        written = written.rename(tmp_path / "moved")
    content = yaml.safe_load((written / "data.yaml").read_text(encoding="utf-8"))
    assert content["names"] == dict(enumerate(NAMES))
    train, val = images_of(written, "train"), images_of(written, "val")
    assert (len(train), len(val)) == (18, 2)
    assert [path.name for path in val] == ["18 a.jpg", "19 a.jpg"]
    for number, image in enumerate([*train, *val]):
        assert image.read_bytes() == f"sub/{image.name}".encode()
        text = ultralytics_label(str(image)).read_text(encoding="utf-8")
        assert text == f"{number % 2} 0.200000 0.200000 0.200000 0.200000\n"
    assert any(path.is_symlink() for path in train) is not copy


def test_few_images_are_all_trained_on_and_val_is_there(tmp_path: Path) -> None:
    write_yolo(labelled(tmp_path / "p", "a.jpg", "b.jpg"), tmp_path / "yolo")
    assert images_of(tmp_path / "yolo", "train") == images_of(tmp_path / "yolo", "val")
    assert len(images_of(tmp_path / "yolo", "val")) == 2


def test_no_image_takes_the_labels_of_another(tmp_path: Path) -> None:
    names = ("a.jpg", "a.png", "images/a.jpg", "x/images/images/b.jpg", "a_png.png", "lost.jpg")
    source = labelled(tmp_path / "p", *names, unreadable="lost.jpg")
    write_yolo(source, tmp_path / "yolo")
    images = images_of(tmp_path / "yolo", "train")
    assert sorted(path.read_text() for path in images) == sorted(names[:-1])
    labels = [ultralytics_label(str(path)) for path in images]
    assert len(set(labels)) == len(images)
    for image, label in zip(images, labels, strict=True):
        assert label.read_text().startswith(f"{names.index(image.read_text()) % 2} ")


def test_a_box_beyond_the_image_is_cut_at_its_edge(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    image = PredictedImage("a.jpg", 100, 50, (1,), (0.5,), ((-10.0, 40.0, 30.0, 20.0),))
    write_yolo(Labelled(lambda: [image], 1, tmp_path, NAMES, "exp1"), tmp_path / "yolo")
    text = (tmp_path / "yolo" / "labels" / "train" / "a.txt").read_text()
    assert text == "1 0.100000 0.900000 0.200000 0.200000\n"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="file/yolo: cannot be written"):
        write_yolo(labelled(tmp_path / "p", "a.jpg"), tmp_path / "file" / "yolo")


def test_label_studio_finds_images_and_the_config_names_what_the_tasks_do(tmp_path: Path) -> None:
    source = labelled(tmp_path / "my p", "a b.jpg", "sub/c&d?.jpg", "x.jpg", unreadable="x.jpg")
    tasks = tmp_path / "tasks.json"
    write_label_studio(source, tasks)
    content = json.loads(tasks.read_text())
    assert len(content) == 2
    for task, name in zip(content, ("a b.jpg", "sub/c&d?.jpg"), strict=True):
        address = urlsplit(task["data"]["image"])
        assert address.path == "/data/local-files/"
        # Only what is in the document root is served: the folder above that of the images.
        assert (source.root.parent / parse_qs(address.query)["d"][0]).read_bytes() == name.encode()
        (prediction,) = task["predictions"]
        assert (prediction["model_version"], prediction["score"]) == ("exp1", 0.75)
        (box,) = prediction["result"]
        assert box["value"].items() >= {"x": 10, "y": 10, "width": 20, "height": 20}.items()
        assert (box["original_width"], box["original_height"], box["score"]) == (100, 50, 0.75)
    config = ElementTree.fromstring(label_studio_config(tasks).read_text(encoding="utf-8"))
    image, labels = config
    assert image.attrib.items() >= {"name": "image", "value": "$image"}.items()
    used = {(b["from_name"], b["to_name"], b["type"]) for t in content for b in boxes_of(t)}
    assert used == {(labels.attrib["name"], image.attrib["name"], labels.tag.lower())}
    assert labels.attrib["toName"] == image.attrib["name"]
    assert tuple(label.attrib["value"] for label in labels) == NAMES
    told = label_studio_start(source.root, tasks)
    assert f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={source.root.parent}," in told


def boxes_of(task: dict[str, list[dict[str, list[dict[str, str]]]]]) -> list[dict[str, str]]:
    return task["predictions"][0]["result"]


@pytest.mark.parametrize("kind", ["yolo", "label-studio"])
def test_another_reader_finds_the_same_boxes_in_both(tmp_path: Path, kind: str) -> None:
    source = labelled(tmp_path / "p", *(f"{number:02}.jpg" for number in range(20)))
    written = tmp_path / f"written.{kind}"
    if kind == "yolo":
        write_yolo(source, written)
        for place in (written / "images").rglob("*.jpg"):
            place.unlink()
            Image.new("RGB", (100, 50)).save(place)
    else:
        write_label_studio(source, tmp_path / "tasks.json")
        # It looks for no images, and takes the query for a part of their name.
        text = (tmp_path / "tasks.json").read_text()
        written.write_text(text.replace("/data/local-files/?d=", "/"))
    back = tmp_path / "back.json"
    options = ("--from", kind, "--to", "coco", "--input", written, "--output", back)
    subprocess.run(
        [PANLABEL, "convert", *map(str, options), "--allow-lossy"], check=True, capture_output=True
    )
    content = json.loads(back.read_text())
    assert {category["name"] for category in content["categories"]} == set(NAMES)
    boxes = [annotation["bbox"] for annotation in content["annotations"]]
    assert boxes == [pytest.approx(BOX)] * 20
