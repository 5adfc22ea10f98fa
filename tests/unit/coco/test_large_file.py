"""A large file read in blocks and in parallel gives what the ordinary reader gives."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coco_factory import annotation, category, image
from train_teacher.coco import large_file
from train_teacher.coco.dataset import CocoDataset, raw_annotation
from train_teacher.coco.masks.columns import MASK_BROKEN
from train_teacher.coco.reader import read_coco

TRIANGLE = [[10, 20, 30, 20, 30, 40.5]]


def content(count: int = 400, **changes: Any) -> dict[str, Any]:
    annotations = [
        annotation(n, n % 20 + 1, n % 2 + 1, bbox=[n % 7, 2, 3.5, 4], segmentation=TRIANGLE)
        for n in range(1, count + 1)
    ]
    annotations[7] = annotation(8, segmentation={"size": [48, 64], "counts": [3072]}, iscrowd=1)
    annotations[9]["attributes"] = [{"id": 1, "bbox": [1]}, {"id": 2}]
    annotations[11]["note"] = 'a "} , {" inside, and a \\'
    return {
        "info": {"description": "test"},
        "images": [image(i) for i in range(1, 21)],
        "annotations": annotations,
        "categories": [category(1, "cat"), category(2, "dog")],
        **changes,
    }


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_file, "MAPPED_BYTES", 1000)
    monkeypatch.setattr(large_file, "LARGE_BYTES", 1000)
    monkeypatch.setattr(large_file, "TASK_BYTES", 9000)
    monkeypatch.setattr(large_file, "BLOCK_BYTES", 2000)


def write(path: Path, value: dict[str, Any], **style: Any) -> Path:
    path.write_text(json.dumps(value, **style), encoding="utf-8")
    return path


def read_both(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[CocoDataset, CocoDataset]:
    blocks = read_coco(path)
    monkeypatch.setattr(large_file, "LARGE_BYTES", 10**9)
    assert_same(read_coco(path), blocks)
    monkeypatch.setattr(large_file, "MAPPED_BYTES", 10**9)
    return blocks, read_coco(path)


def assert_same(first: CocoDataset, second: CocoDataset) -> None:
    assert (first.images, first.categories) == (second.images, second.categories)
    assert first.problems == second.problems
    for part in (lambda d: d.annotations, lambda d: d.annotations.masks):
        for field in fields(part(first)):
            ours, theirs = getattr(part(first), field.name), getattr(part(second), field.name)
            if isinstance(ours, np.ndarray):
                np.testing.assert_array_equal(ours, theirs, err_msg=field.name)
    assert list(first.annotations.ids) == list(second.annotations.ids)
    decoded = [[json.loads(bytes(r)) for r in d.raw_annotations] for d in (first, second)]
    assert decoded[0] == decoded[1]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("style", [{}, {"indent": 1}, {"separators": (",", ":")}])
def test_blocks_give_what_the_whole_file_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, style: dict[str, Any]
) -> None:
    path = write(tmp_path / "d.json", content(), **style)
    large = large_file.open_large_file(path)
    assert large is not None
    assert len(large.spans) > 3
    assert_same(*read_both(path, monkeypatch))


@pytest.mark.usefixtures("small_blocks")
def test_mistakes_are_told_with_their_place_in_the_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = content()
    value["annotations"][350]["bbox"] = [1, 2, "3", 4]
    value["annotations"][351]["id"] = "text"
    value["annotations"][352]["segmentation"] = [1, 2, 3, 4, 5, 6]
    blocks, whole = read_both(write(tmp_path / "d.json", value), monkeypatch)

    assert [p.path for p in blocks.problems] == ["annotations[350].bbox[2]"]
    assert_same(blocks, whole)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("order", [("annotations", "categories", "images"), ("categories",)])
def test_the_order_of_the_sections_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: tuple[str, ...]
) -> None:
    value = content()
    value = {key: value[key] for key in (*order, *(k for k in value if k not in order))}
    assert_same(*read_both(write(tmp_path / "d.json", value), monkeypatch))


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    "changes",
    [
        {"extra": {"annotations": [{"id": 1}]}},
        {"images": [{**image(i), "annotations": [{"id": i}]} for i in range(1, 21)]},
    ],
)
def test_a_second_list_of_that_name_does_not_mislead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    value = {**changes, **content(**changes)}
    assert_same(*read_both(write(tmp_path / "d.json", value), monkeypatch))


@pytest.mark.usefixtures("small_blocks")
def test_a_cut_file_is_left_to_the_ordinary_reader(tmp_path: Path) -> None:
    text = json.dumps(content())
    path = tmp_path / "d.json"
    path.write_text(text[: len(text) // 2], encoding="utf-8")

    assert large_file.open_large_file(path) is None


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("key", ["attributes", "segmentation", "bbox"])
@pytest.mark.parametrize("cores", [1, 2])
def test_a_value_nested_too_deeply_is_left_to_the_ordinary_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, cores: int
) -> None:
    monkeypatch.setattr(large_file, "LARGE_BYTES", 1000 if cores > 1 else 10**9)
    value = content()
    value["annotations"][300][key] = "<deep>"
    # Deeper than the parser of any Python follows: 3.13 gives up at 10,000.
    text = json.dumps(value).replace('"<deep>"', "[" * 20_000 + "]" * 20_000)
    path = tmp_path / "d.json"
    path.write_text(text, encoding="utf-8")
    dataset = read_coco(path)

    assert [p.path for p in dataset.problems] == [f"annotations[300].{key}"]
    assert len(dataset.annotations) == 400


@pytest.mark.usefixtures("small_blocks")
def test_a_mask_is_judged_alike_whatever_mistakes_stand_near_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = content()
    value["annotations"][100]["segmentation"] = [[1, 2, 10, 2, -(2**70), 14]]
    value["annotations"][350]["area"] = "x"  # the ordinary reader takes it in the same block
    blocks, whole = read_both(write(tmp_path / "d.json", value), monkeypatch)

    assert_same(blocks, whole)
    assert whole.annotations.masks.flags[100] == MASK_BROKEN


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("mapped", [True, False])
def test_what_was_read_can_be_read_again_from_deeper_in_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapped: bool
) -> None:
    monkeypatch.setattr(large_file, "LARGE_BYTES", 10**9)
    if not mapped:
        monkeypatch.setattr(large_file, "MAPPED_BYTES", 10**9)

    def deeper(frames: int, dataset: CocoDataset) -> Any:
        if frames:
            return deeper(frames - 1, dataset)
        return raw_annotation(dataset, 3)["id"]

    text = json.dumps(content(20))
    for depth in range(600, 1000, 20):
        nested = "[" * depth + "]" * depth
        path = tmp_path / f"{depth}.json"
        path.write_text(text.replace('"id": 4,', f'"id": 4, "note": {nested},'), encoding="utf-8")
        assert deeper(100, read_coco(path)) == 4


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("section", ["annotations", "categories"])
def test_half_a_character_in_a_large_file_is_repaired(tmp_path: Path, section: str) -> None:
    value = content()
    value[section][1]["note"] = "\ud800dog"
    dataset = read_coco(write(tmp_path / "d.json", value))

    assert len(dataset.annotations) == 400
    assert "half characters" in (dataset.encoding_note or "")
