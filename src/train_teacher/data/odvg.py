"""Training files in MMDetection's ODVG format, for classes that do not fit into one prompt.

One JSON object a line and image, as ODVGDataset reads it (mmdet odvg.py:29). It keeps every box it
is given, so what CocoDataset would leave out (mmdet coco.py:135) is left out here.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.core.atomic_file import write_atomically

TRAIN_FILE = "train.odvg.jsonl"
LABEL_MAP_FILE = "label_map.json"
# CocoDataset's filter_cfg of every published config; ODVGDataset has no such filter.
MIN_IMAGE_SIDE = 32


def write_odvg(folder: Path, content: Mapping[str, Any]) -> tuple[Path, Path]:
    """Write a canonical copy as ODVG lines and its classes as a label map.

    Args:
        folder: an existing folder.
        content: a canonical copy (`canonical_split`).

    Returns:
        The two files.

    Raises:
        UserError: the folder cannot be written.
    """
    lines, labels = folder / TRAIN_FILE, folder / LABEL_MAP_FILE
    write_atomically(lines, _encoded(content))
    names = [category["name"] for category in content["categories"]]
    write_atomically(labels, msgspec.json.format(msgspec.json.encode(label_map(names)), indent=2))
    return lines, labels


def _encoded(content: Mapping[str, Any]) -> Iterator[bytes]:
    encoder = msgspec.json.Encoder()
    for record in odvg_records(content):
        yield encoder.encode(record) + b"\n"


def label_map(class_names: Sequence[str]) -> dict[str, str]:
    """Return the class names by label, as MMDetection keeps them: keys are text, from "0"."""
    return {str(label): name for label, name in enumerate(class_names)}


def odvg_records(content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the images that CocoDataset would train on, with the boxes it would train on.

    Crowds and annotations marked `ignore` take no part in Grounding DINO's loss; an image without
    boxes stays, as a negative.

    Args:
        content: a canonical copy (`canonical_split`).

    Returns:
        One ODVG record per image, in the order of the copy; boxes are xyxy in pixels.
    """
    names = [category["name"] for category in content["categories"]]
    label = {category["id"]: row for row, category in enumerate(content["categories"])}
    annotations: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for annotation in content["annotations"]:
        annotations[annotation["image_id"]].append(annotation)
    for image in content["images"]:
        if min(image["width"], image["height"]) < MIN_IMAGE_SIDE:
            continue
        kept = [a for a in annotations[image["id"]] if _is_trained(a, image)]
        yield {
            "filename": image["file_name"],
            "height": image["height"],
            "width": image["width"],
            "detection": {
                "instances": [
                    {
                        "bbox": _corners(annotation["bbox"]),
                        "label": label[annotation["category_id"]],
                        "category": names[label[annotation["category_id"]]],
                    }
                    for annotation in kept
                ]
            },
        }


def _is_trained(annotation: Mapping[str, Any], image: Mapping[str, Any]) -> bool:
    if annotation.get("ignore") or annotation.get("iscrowd"):
        return False
    x, y, w, h = annotation["bbox"]
    inside_w = max(0, min(x + w, image["width"]) - max(x, 0))
    inside_h = max(0, min(y + h, image["height"]) - max(y, 0))
    return bool(inside_w * inside_h > 0 and annotation["area"] > 0 and w >= 1 and h >= 1)


def _corners(bbox: Sequence[float]) -> list[float]:
    x, y, w, h = bbox
    return [x, y, _far_side(x, w), _far_side(y, h)]


def _far_side(near: float, length: float) -> float:
    """Return near + length, rounded so that no box of one pixel becomes smaller.

    ODVGDataset subtracts again and drops what is below 1 (mmdet odvg.py:59).
    """
    far = near + length
    while far - near < 1:
        far = math.nextafter(far, math.inf)
    return far
