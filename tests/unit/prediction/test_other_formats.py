"""Files for other tools open there without manual work."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import msgspec
import pytest

from train_teacher.core.errors import UserError
from train_teacher.prediction.other_formats import (
    Labelled,
    cvat_labels,
    cvat_start,
    label_studio_config,
    label_studio_start,
    write_cvat,
    write_label_studio,
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
    return Labelled(images, root, NAMES, "exp1", turned=True)


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


@pytest.mark.parametrize("kind", ["cvat", "label-studio"])
def test_another_reader_finds_the_same_boxes_in_both(tmp_path: Path, kind: str) -> None:
    source = labelled(tmp_path / "p", *(f"é sub/{number:02}.jpg" for number in range(20)))
    written = tmp_path / f"written.{kind}"
    if kind == "cvat":
        write_cvat(source, written)
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


def test_cvat_gets_every_image_that_could_be_read_and_the_labels_of_its_task(
    tmp_path: Path,
) -> None:
    names = ("a b.jpg", "sub/é&<1>.jpg", "lost.jpg", "empty.jpg")
    source = labelled(tmp_path / "p", *names, unreadable="lost.jpg")
    *others, empty = source.images
    nothing = msgspec.structs.replace(empty, labels=(), scores=(), boxes=())
    without = replace(source, images=[*others, nothing])
    write_cvat(without, tmp_path / "a.xml")
    root = ElementTree.fromstring((tmp_path / "a.xml").read_bytes())
    assert root.findtext("version") == "1.1"
    images = root.findall("image")
    assert [image.attrib["name"] for image in images] == ["a b.jpg", "sub/é&<1>.jpg", "empty.jpg"]
    assert {(i.attrib["width"], i.attrib["height"]) for i in images} == {("100", "50")}
    drawn = [[box.attrib["label"] for box in image] for image in images]
    assert drawn == [[NAMES[0]], [NAMES[1]], []]
    corners = [images[0][0].attrib[key] for key in ("xtl", "ytl", "xbr", "ybr")]
    assert corners == ["10.00", "5.00", "30.00", "15.00"]
    labels = json.loads(cvat_labels(tmp_path / "a.xml").read_text())
    assert [label["name"] for label in labels] == list(NAMES)
    assert str(cvat_labels(tmp_path / "a.xml")) in cvat_start(source.root, tmp_path / "a.xml")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone/a\.\S+: cannot be written"):
        write_cvat(labelled(tmp_path / "p", "a.jpg"), tmp_path / "gone" / "a.xml")
