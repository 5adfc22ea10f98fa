"""Read what `teacher predict` wrote with the code of the tool that receives it.

    python scripts/receivers/read.py ultralytics|rfdetr|lightly|cvat|label_studio FOLDER

It runs where that tool is installed, and uses nothing of ours.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

NAMES = ["red circle", "blue square"]
COLOURS = np.array([(215, 45, 40), (45, 85, 215)], np.float64)
FOLDERS = {"train": "train", "val": "valid", "test": "test"}
Read = tuple[Path, npt.NDArray[np.uint8], list[tuple[int, float, float, float, float]]]
"""An image, its (height, width, 3) RGB pixels, and class, center and size in pixels of each box."""


def ultralytics(root: Path, part: str) -> Iterator[Read]:
    """Read with the data set that `yolo detect train` makes."""
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    data = check_det_dataset(str(root / "data.yaml"))
    assert list(data["names"].values()) == NAMES
    images = YOLODataset(img_path=data[part], data=data, augment=False, task="detect", imgsz=320)
    for number, label in enumerate(images.labels):
        pixels, _, _ = images.load_image(number)
        height, width = pixels.shape[:2]
        boxes = label["bboxes"] * (width, height, width, height)
        classes = label["cls"].ravel().astype(int).tolist()
        yield (
            Path(label["im_file"]),
            pixels[:, :, ::-1],
            [(name, *box) for name, box in zip(classes, boxes.tolist(), strict=True)],
        )


def rfdetr(root: Path, part: str) -> Iterator[Read]:
    """Read with the data set that RFDETR.train makes, without its transforms."""
    from rfdetr.datasets import build_roboflow
    from rfdetr.detr import RFDETR

    assert RFDETR._load_classes(str(root)) == NAMES
    shape = {"square_resize_div_64": True, "patch_size": 16, "num_windows": 2}
    plain = {"segmentation_head": False, "multi_scale": False, "expanded_scales": False}
    made: Any = build_roboflow(part, Namespace(dataset_dir=str(root), **shape, **plain), 576)
    transformed, target = made[0]
    assert transformed.shape == (3, 576, 576)
    assert len(target["boxes"]) == len(target["labels"])
    made._transforms = made._draft_size = None
    for number, image_id in enumerate(made.ids):
        image, target = made[number]
        corners = target["boxes"].numpy()
        centre, size = (corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]
        boxes = np.concatenate([centre, size], axis=1).tolist()
        labels = target["labels"].tolist()
        yield (
            Path(made.root) / made.coco.loadImgs(image_id)[0]["file_name"],
            np.asarray(image),
            [(name, *box) for name, box in zip(labels, boxes, strict=True)],
        )


def lightly(root: Path, part: str) -> Iterator[Read]:
    """Read with the data set that lightly_train.train_object_detection makes."""
    from lightly_train._commands.train_task import ObjectDetectionTrainTaskConfig
    from lightly_train._data.file_helpers import open_image_numpy

    files = {
        name: {"annotations": str(root / FOLDERS[name] / "_annotations.coco.json")}
        for name in ("train", "val")
    }
    config = ObjectDetectionTrainTaskConfig(
        out="out", model="dinov3/vitt16-ltdetr-coco", data={"format": "coco", **files}
    )
    assert list(config.data.included_classes.values()) == NAMES
    read = config.data.get_train_args() if part == "train" else config.data.get_val_args()
    for image in read.list_image_info():
        pixels = open_image_numpy(Path(image["image_path"]))
        height, width = pixels.shape[:2]
        labels, boxes = json.loads(image["class_labels"]), json.loads(image["bboxes"])
        scaled = (np.array(boxes).reshape(-1, 4) * (width, height, width, height)).tolist()
        together = [(name, *box) for name, box in zip(labels, scaled, strict=True)]
        yield Path(image["image_path"]), pixels, together


def check_student(read: Callable[[Path, str], Iterator[Read]], folder: Path) -> str:
    """Look at every image: its boxes are as many as they should be, and those of people fit."""
    root, told, right = folder / "student", [], 0
    for part, name in FOLDERS.items():
        if part == "test" and read is lightly:
            continue  # it trains and validates only
        content = json.loads((root / name / "_annotations.coco.json").read_text())
        files = {image["id"]: root / name / image["file_name"] for image in content["images"]}
        boxes = dict.fromkeys(files.values(), 0)
        by_teacher = set()
        for one in content["annotations"]:
            boxes[files[one["image_id"]]] += 1
            by_teacher |= {files[one["image_id"]]} if "score" in one else set()
        seen = list(read(root, part))
        assert {path: len(found) for path, _, found in seen} == boxes, part
        for path, pixels, found in seen:
            for label, x, y, _, _ in found if path not in by_teacher else ():
                distance = np.abs(COLOURS - pixels[round(y), round(x)]).sum(axis=1)
                assert distance.argmin() == label, (path, label, x, y)
                assert distance.min() < 120, (path, label, x, y)
                right += 1
        told.append(f"{len(seen)} {part}")
    assert right > 30
    return f"{', '.join(told)} images; all {right} boxes of people lie on their object"


def cvat(folder: Path) -> str:
    """Read with Datumaro, which CVAT itself imports with."""
    from datumaro import Dataset

    found = json.loads((folder / "student" / "predictions.json").read_text())
    expected = {
        image["file_name"].rpartition(".")[0]: sorted(
            (one["category_id"] - 1, *one["bbox"])
            for one in found["annotations"]
            if one["image_id"] == image["id"]
        )
        for image in found["images"]
    }
    # It looks for the images, which CVAT has in the task.
    (folder / "cvat" / "images").symlink_to(folder / "neue Bilder")
    read = Dataset.import_from(str(folder / "cvat"), "cvat")
    labels = next(iter(read.categories().values()))
    assert [label.name for label in labels.items] == NAMES
    boxes = {item.id: sorted((b.label, *b.get_bbox()) for b in item.annotations) for item in read}
    assert boxes.keys() == expected.keys()
    for name, own in boxes.items():
        np.testing.assert_allclose(own, expected[name], atol=0.02)
    return f"{len(boxes)} images, {sum(map(len, boxes.values()))} boxes as the teacher found them"


def label_studio(folder: Path) -> str:
    """Check tasks against their labeling config with Label Studio's SDK."""
    from label_studio_sdk.converter import Converter
    from label_studio_sdk.label_interface import LabelInterface

    tasks = json.loads((folder / "tasks.json").read_text())
    config = (folder / "tasks.xml").read_text()
    interface = LabelInterface(config)
    interface.validate()
    assert [list(labels) for labels in interface.labels] == [NAMES]
    for task in tasks:
        place = task["data"]["image"].removeprefix("/data/local-files/?d=")
        assert place != task["data"]["image"]
        assert [
            error
            for prediction in task["predictions"]
            for error in interface.validate_prediction(prediction, return_errors=True)
        ] == []
    # What a user gets who accepts every prediction and exports.
    accepted = [
        {**task, "id": n, "annotations": [{**task["predictions"][0], "id": n, "completed_by": 1}]}
        for n, task in enumerate(tasks, 1)
    ]
    (folder / "accepted.json").write_text(json.dumps(accepted))
    Converter(config, str(folder), download_resources=False).convert_to_coco(
        str(folder / "accepted.json"), str(folder / "exported"), is_dir=False
    )
    exported = json.loads((folder / "exported" / "result.json").read_text())
    found = json.loads((folder / "student" / "predictions.json").read_text())
    boxes = np.array([one["bbox"] for one in exported["annotations"]])
    np.testing.assert_allclose(boxes, [one["bbox"] for one in found["annotations"]], atol=0.02)
    return f"{len(tasks)} tasks valid; {len(boxes)} boxes exported again as they were found"


def main(tool: str, folder: Path) -> None:
    """Read with one tool, and say what was seen."""
    students = {"ultralytics": ultralytics, "rfdetr": rfdetr, "lightly": lightly}
    if tool in students:
        told = check_student(students[tool], folder)
    else:
        told = {"cvat": cvat, "label_studio": label_studio}[tool](folder)
    print(f"receivers: {tool}: {told}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
