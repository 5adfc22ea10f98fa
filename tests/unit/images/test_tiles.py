from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_teacher.core.errors import UsageError
from train_teacher.images import tiles as module
from train_teacher.images.tiles import Tiling, cut_labels, tiling_of

SIDES = st.integers(1, 900)


@given(width=SIDES, height=SIDES, side=st.integers(32, 400), overlap=st.floats(0, 0.5))
def test_tiles_show_every_pixel_and_nothing_outside(
    width: int, height: int, side: int, overlap: float
) -> None:
    windows = Tiling(side, overlap).windows(width, height)

    if max(width, height) <= side:
        assert windows == []
        return
    assert len(set(windows)) == len(windows) > 1
    for left, top, right, bottom in windows:
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        assert (right - left, bottom - top) == (min(side, width), min(side, height))
    for low, high, length in ((0, 2, width), (1, 3, height)):
        reached = 0
        for start, end in sorted({(window[low], window[high]) for window in windows}):
            assert start <= reached
            reached = end
        assert reached == length
    columns = {(left, right) for left, _, right, _ in windows}
    rows = {(top, bottom) for _, top, _, bottom in windows}
    assert len(windows) == len(columns) * len(rows)


def content(*boxes: list[float], size: tuple[int, int] = (200, 100), **more: Any) -> dict[str, Any]:
    labels = [
        {"id": n, "image_id": 7, "category_id": 2, "bbox": box, "area": box[2] * box[3] / 2,
         "iscrowd": 0, "segmentation": [[]], **more}
        for n, box in enumerate(boxes, 1)
    ]  # fmt: skip
    image = {"id": 7, "file_name": "a.jpg", "width": size[0], "height": size[1]}
    return {"images": [image], "annotations": labels, "categories": []}


def test_a_piece_of_40_percent_is_a_label_and_a_smaller_one_a_crowd() -> None:
    # Tiles 0 to 100 and 100 to 200: 60 % and 40 % of the first box, 39 % and 61 % of the second.
    cut = cut_labels(content([94, 10, 10, 10], [96.1, 50, 10, 10]), Tiling(100, 0.0), training=True)

    left, right = cut["images"]
    assert (left["whole"], left["window"]) == (7, (0, 0, 100, 100))
    assert (right["window"], right["width"]) == ((100, 0, 200, 100), 100)
    found = [(a["image_id"], a["iscrowd"], [round(v, 6) for v in a["bbox"]], round(a["area"], 6))
             for a in cut["annotations"]]  # fmt: skip
    assert found == [
        (1, 0, [94, 10, 6, 10], 30),
        (1, 1, [96.1, 50, 3.9, 10], 19.5),
        (2, 0, [0, 10, 4, 10], 20),
        (2, 0, [0, 50, 6.1, 10], 30.5),
    ]
    assert [a["id"] for a in cut["annotations"]] == [1, 2, 3, 4]
    assert "segmentation" not in cut["annotations"][0]


def test_an_ignored_label_stays_nothing_to_learn() -> None:
    cut = cut_labels(content([10, 10, 20, 20], ignore=1), Tiling(100, 0.0), training=False)

    assert {a["iscrowd"] for a in cut["annotations"]} == {1}


def test_an_object_that_no_tile_holds_is_trained_in_the_whole_image() -> None:
    cut = cut_labels(content([5, 5, 190, 90], [10, 10, 20, 20]), Tiling(50, 0.0), training=True)

    assert [image["window"] for image in cut["images"]] == [(0, 0, 50, 50), ()]
    whole = [a for a in cut["annotations"] if a["image_id"] == 2]
    assert [a["bbox"] for a in whole] == [[5, 5, 190, 90], [10, 10, 20, 20]]
    assert (cut["images"][1]["width"], cut["images"][1]["height"]) == (200, 100)


def test_as_many_empty_tiles_are_trained_on_as_others_and_all_are_validated() -> None:
    one = content([10, 10, 20, 20], size=(500, 500))

    trained = cut_labels(one, Tiling(100, 0.0), training=True)["images"]
    validated = cut_labels(one, Tiling(100, 0.0), training=False)["images"]

    assert len(trained) == 2
    assert len(validated) == 1 + 25
    assert validated[0]["window"] == ()


def test_an_image_without_labels_has_a_tile_and_a_small_one_is_its_own() -> None:
    none = cut_labels(content(size=(500, 500)), Tiling(100, 0.0), training=True)["images"]
    small = cut_labels(content([1, 1, 9, 9]), Tiling(200, 0.0), training=True)

    assert len(none) == 1
    assert [image["window"] for image in small["images"]] == [()]
    assert small["annotations"][0]["bbox"] == [1, 1, 9, 9]


@pytest.mark.parametrize(("tile", "overlap"), [(8, 0.2), (-640, 0.2), (640, 0.9), (640, -0.1)])
def test_tiles_that_cannot_be_are_refused(tile: int, overlap: float) -> None:
    with pytest.raises(UsageError, match="--tile"):
        tiling_of(tile, overlap)


def test_without_sahi_only_tiles_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _name: None)

    assert tiling_of(0, 0.2) is None
    with pytest.raises(UsageError, match=r"train-teacher\[tiles\]"):
        tiling_of(640, 0.2)
