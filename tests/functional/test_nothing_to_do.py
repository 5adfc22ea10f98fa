"""With a finding that says "Nothing to do" the canonical copies have the boxes as drawn."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from inspected_data import inspect_data
from planted import (
    DEFECTS,
    HEIGHT,
    WIDTH,
    Plant,
    add,
    change,
    clean_content,
    ids_as_text,
    image,
    many_classes,
    rename,
    spoil,
    swap_classes,
)
from train_teacher.data.manager import DataManager
from train_teacher.inspection.explanations.catalogue import findings_folder
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
    for record in content["images"]:
        record.update(width=0, height=0)


def accented(content: Content, _folder: Path) -> None:
    content["categories"][1]["name"] = "café"


def without(index: int) -> Plant:
    return lambda content, _folder: content["annotations"].pop(index) and None


def other_image(content: Content, _folder: Path) -> None:
    content["images"][0]["file_name"] = "other.jpg"


SAYING = {
    path.stem
    for path in findings_folder().glob("*.md")
    for story in (" ".join(path.read_text(encoding="utf-8").split()),)
    if ("Nothing to do" in story or "repairs it in its own copies" in story)
    and "Never a finding" not in story
    and "Never reported" not in story
}
"""Codes whose story says that training needs no repair of the file."""
AS_DRAWN: Plant = change(0)
PLANTED: list[tuple[str, Plant, Plant]] = [
    ("F5", every_box(str), AS_DRAWN),
    ("F5", every_box(lambda b: [b]), AS_DRAWN),
    ("F5", every_box(lambda b: dict(zip("xywh", b, strict=True))), AS_DRAWN),
    ("F5", every_box(lambda b: [str(number) for number in b]), AS_DRAWN),
    ("F5", every_box(four_corners), AS_DRAWN),
    ("F5", change(3, area="much"), AS_DRAWN),
    ("F7", padded_ids, AS_DRAWN),
    ("F7", ids_as_text, AS_DRAWN),
    ("F8", no_sizes, AS_DRAWN),
    ("F9", DEFECTS["F9"][0], other_image),
    ("R3", ids_from_0, AS_DRAWN),
    ("R5", DEFECTS["R5"][0], without(3)),
    ("B1", DEFECTS["B1"][0], without(3)),
    ("M2", only_masks(points), AS_DRAWN),
    ("M2", only_masks(in_a_list), AS_DRAWN),
    ("M2", only_masks(as_bytes), AS_DRAWN),
    ("B8", only_masks(in_a_list), AS_DRAWN),
    ("N4", rename("st. bernard"), rename("st bernard")),
    ("N8", rename(" dog"), rename("dog")),
    ("N10", many_classes, many_classes),
    ("N11", rename("light"), rename("light")),
    *((code, DEFECTS[code][0], AS_DRAWN) for code in "I6 I9 I10 R2 B9 B10 B12 M7 N12".split()),
]
HELD = {"F2", "N13", *(code for code, *_ in PLANTED)}
TEXTS: dict[str, tuple[Plant, Callable[[bytes], bytes]]] = {
    "byte order mark": (AS_DRAWN, lambda text: b"\xef\xbb\xbf" + text),
    "UTF-16": (accented, lambda text: text.decode().encode("utf-16")),
    "gzip": (accented, gzip.compress),
    "comma at the end": (accented, lambda text: text.replace(b"}]", b"},]")),
    "Windows-1252": (accented, lambda text: text.replace(rb"\u00e9", b"\xe9")),
    "NaN for an area": (change(3, area=float("nan")), lambda text: text),
    "half a pair": (
        AS_DRAWN,
        lambda text: text.replace(b'{"images"', b'{"x": "\\ud800", "images"'),
    ),
}


def test_every_code_that_says_so_is_held_here() -> None:
    assert SAYING <= HELD


@pytest.mark.parametrize(("code", "plant", "right"), PLANTED)
def test_nothing_to_do_is_said_only_where_the_copies_are_right(
    tmp_path: Path, code: str, plant: Plant, right: Plant
) -> None:
    path = spoil(tmp_path / "data", *[p for p in (image,) if code in ("F9",)], plant)
    findings = [f for f in inspect_data(InspectRequest(data=path)).findings if f.code == code]

    assert findings
    assert trained(path, tmp_path / "copies") == drawn_after(right, tmp_path)


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_needed_a_repair_is_trained_as_it_was_meant(tmp_path: Path, name: str) -> None:
    plant, convert = TEXTS[name]
    path = spoil(tmp_path / "data", plant)
    path.write_bytes(convert(path.read_bytes()))
    findings = inspect_data(InspectRequest(data=path)).findings

    assert [f.fix for f in findings if f.code == "F2"] == [f"{REPAIRED}."]
    assert trained(path, tmp_path / "copies") == drawn_after(plant, tmp_path)


@pytest.mark.parametrize(
    ("plant", "right"),
    [
        (change(3, bbox="somewhere"), without(3)),
        (change(3, bbox=[1, 2, 3]), without(3)),
        (change(3, iscrowd="no idea"), AS_DRAWN),
        (change(3, image_id=[1, 2]), without(3)),
        (every_box(lambda b: [*b, 0.1]), None),
    ],
)
def test_what_could_not_be_understood_is_not_called_nothing_to_do(
    tmp_path: Path, plant: Plant, right: Plant | None
) -> None:
    path = spoil(tmp_path / "data", plant)
    findings = inspect_data(InspectRequest(data=path)).findings

    assert [REPAIRED in f.fix for f in findings if f.code == "F5"] == [False]
    if right:
        assert trained(path, tmp_path / "copies") == drawn_after(right, tmp_path)


@pytest.mark.parametrize("plant", [swap_classes, add("categories", id=9, name="kite")])
def test_classes_of_val_are_those_of_train_where_nothing_is_to_be_done(
    tmp_path: Path, plant: Plant
) -> None:
    train, val = spoil(tmp_path / "train"), spoil(tmp_path / "val", plant, seed=1)
    findings = inspect_data(InspectRequest(data=train, val=val)).findings
    copies = tmp_path / "copies"
    copies.mkdir()
    written = DataManager(train, val=val).write_splits(copies)

    assert [REPAIRED in f.fix for f in findings if f.code == "N13"] == [True]
    assert drawn(json.loads(written["val"].read_text())) == drawn(clean_content(1))


@pytest.mark.parametrize("code", sorted(DEFECTS))
def test_no_finding_of_another_code_says_it(tmp_path: Path, code: str) -> None:
    findings = inspect_data(InspectRequest(data=spoil(tmp_path, *DEFECTS[code]))).findings

    assert {f.code for f in findings if REPAIRED in f.fix} <= HELD


def drawn_after(plant: Plant, folder: Path) -> set[tuple[Any, ...]]:
    content = clean_content()
    plant(content, folder)
    return drawn(content)


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
