"""Where a finding says "Nothing to do", the canonical copies have the boxes as they were drawn."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from inspected_data import inspect_data
from planted import HEIGHT, WIDTH, Plant, clean_content, ids_as_text, spoil
from train_teacher.data.manager import DataManager
from train_teacher.inspection.finding import REPAIRED
from train_teacher.inspection.load import InspectRequest

Content = dict[str, Any]


def every_box(convert: Callable[[list[float]], Any]) -> Plant:
    """Write every box in another form; the areas stay."""

    def plant(content: Content, _folder: Path) -> None:
        for annotation in content["annotations"]:
            annotation["bbox"] = convert(annotation["bbox"])

    return plant


def only_masks(convert: Callable[[list[float]], Any]) -> Plant:
    """Give every annotation a mask in place of its box."""

    def plant(content: Content, _folder: Path) -> None:
        for annotation in content["annotations"]:
            annotation["segmentation"] = convert(annotation.pop("bbox"))

    return plant


def points(b: list[float]) -> list[Any]:
    x, y, w, h = b
    return [[{"x": x, "y": y}, {"x": x + w, "y": y}, {"x": x + w, "y": y + h}]]


def run_lengths(b: list[float]) -> dict[str, Any]:
    x, y, w, h = map(int, b)
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
    pixels[y : y + h, x : x + w] = 1
    return {"size": [HEIGHT, WIDTH], "counts": coco_mask.encode(pixels)["counts"]}


def in_a_list(b: list[float]) -> list[Any]:
    mask = run_lengths(b)
    return [{**mask, "counts": mask["counts"].decode()}]


def as_bytes(b: list[float]) -> dict[str, Any]:
    mask = run_lengths(b)
    return {**mask, "counts": repr(mask["counts"])}


def four_corners(b: list[float]) -> list[float]:
    x, y, w, h = b
    return [x, y, x + w, y, x + w, y + h, x, y + h]


def padded_ids(content: Content, _folder: Path) -> None:
    for annotation in content["annotations"]:
        annotation["image_id"] = f"{annotation['image_id']:012}"


def ids_from_0(content: Content, _folder: Path) -> None:
    for annotation in content["annotations"]:
        annotation["id"] -= 1


def no_sizes(content: Content, _folder: Path) -> None:
    for image in content["images"]:
        image.update(width=0, height=0)


@pytest.mark.parametrize(
    ("plant", "code"),
    [
        (every_box(str), "F5"),
        (every_box(lambda b: [b]), "F5"),
        (every_box(lambda b: dict(zip("xywh", b, strict=True))), "F5"),
        (every_box(lambda b: [str(number) for number in b]), "F5"),
        (every_box(four_corners), "F5"),
        (only_masks(points), "M2"),
        (only_masks(in_a_list), "M2"),
        (only_masks(as_bytes), "M2"),
        (only_masks(in_a_list), "B8"),
        (padded_ids, "F7"),
        (ids_as_text, "F7"),
        (ids_from_0, "R3"),
        (no_sizes, "F8"),
    ],
)
def test_nothing_to_do_is_said_only_where_the_copies_are_right(
    tmp_path: Path, plant: Plant, code: str
) -> None:
    path = spoil(tmp_path / "data", plant)
    said = {f.code for f in inspect_data(InspectRequest(data=path)).findings if REPAIRED in f.fix}

    assert code in said
    assert trained(path, tmp_path / "copies") == drawn(clean_content())


def trained(path: Path, folder: Path) -> set[tuple[Any, ...]]:
    folder.mkdir()
    copies = [json.loads(p.read_text()) for p in DataManager(path).write_splits(folder).values()]
    return set().union(*map(drawn, copies))


def drawn(content: Content) -> set[tuple[Any, ...]]:
    """Return every box with its file and its class."""
    files = {image["id"]: image["file_name"] for image in content["images"]}
    names = {category["id"]: category["name"] for category in content["categories"]}
    return {
        (files[a["image_id"]], names[a["category_id"]], *a["bbox"]) for a in content["annotations"]
    }
