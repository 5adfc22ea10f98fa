from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from coco_factory import HEIGHT, WIDTH, annotation
from inspected_data import read
from train_teacher.coco.dataset import boxes_with_derived
from train_teacher.coco.masks.columns import MASK_OTHER_FORM
from train_teacher.coco.masks.forms import plain_mask


def filled() -> dict[str, Any]:
    """Return compressed run lengths of the box 4, 5, 20, 10."""
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
    pixels[5:15, 4:24] = 1
    return {"size": [HEIGHT, WIDTH], "counts": coco_mask.encode(pixels)["counts"].decode()}


RLE = filled()
COUNTS = [4 * HEIGHT + 5, *[10, HEIGHT - 10] * 19, 10, (WIDTH - 23) * HEIGHT - 15]
OUTLINE = [[4, 5, 24, 5, 24, 15]]
PLAIN = {"size": [HEIGHT, WIDTH], "counts": COUNTS}
POINTS = [{"x": 4, "y": 5}, {"x": 24, "y": 5}, {"x": 24, "y": 15}]


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ([RLE], RLE),
        ({**RLE, "counts": repr(RLE["counts"].encode())}, RLE),
        ([{**RLE, "counts": repr(RLE["counts"].encode())}], RLE),
        (POINTS, [[4, 5, 24, 5, 24, 15]]),
        ([POINTS], [[4, 5, 24, 5, 24, 15]]),
        (json.dumps(RLE), RLE),
        (str(RLE), RLE),
        ({"rle": RLE}, RLE),
        ({**PLAIN, "counts": [str(n) for n in COUNTS]}, PLAIN),
        ({**PLAIN, "counts": [float(n) for n in COUNTS]}, PLAIN),
        ({**PLAIN, "counts": " ".join(map(str, COUNTS))}, PLAIN),
        ({**PLAIN, "counts": str(COUNTS)}, PLAIN),
        ({**RLE, "size": [str(HEIGHT), str(WIDTH)]}, RLE),
        ({"h": HEIGHT, "w": WIDTH, "counts": COUNTS}, {"h": HEIGHT, "w": WIDTH, **PLAIN}),
        ("[[4, 5, 24, 5, 24, 15]]", OUTLINE),
        ("[4, 5, 24, 5, 24, 15]", OUTLINE),
        ("4,5 24,5 24,15", OUTLINE),
        (["4,5 24,5 24,15"], OUTLINE),
        ([{"X": 4, "Y": 5}, {"X": 24, "Y": 5}, {"X": 24, "Y": 15}], OUTLINE),
        ({"all_points_x": [4, 24, 24], "all_points_y": [5, 5, 15]}, OUTLINE),
        ({"x": [4, 24, 24], "y": [5, 5, 15]}, OUTLINE),
        ([{"points": [[4, 5], [24, 5], [24, 15]]}], OUTLINE),
        ({"exterior": [[4, 5], [24, 5], [24, 15]], "interior": []}, OUTLINE),
        ({"type": "MultiPolygon", "coordinates": [[[[4, 5], [24, 5], [24, 15]]]]}, OUTLINE),
    ],
)
def test_a_mask_in_another_form_is_told_and_gives_its_box(
    tmp_path: Path, given: Any, plain: Any
) -> None:
    dataset = read(tmp_path, annotations=[annotation(1, bbox=..., segmentation=given)])

    assert plain_mask(given) == plain
    assert dataset.annotations.masks.flags[0] & MASK_OTHER_FORM
    assert boxes_with_derived(dataset)[0].tolist() == [[4, 5, 20, 10]]


def test_a_backslash_in_the_text_of_bytes_is_one_character() -> None:
    assert plain_mask({"counts": repr(b"a\\b")})["counts"] == "a\\b"


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        {},
        [[4, 5, 24, 5, 24, 15]],
        RLE,
        [RLE, RLE],
        "text",
        "masks/1.png",
        "1234",
        "1 2 3 4 5",
        ["a", "b"],
        {"size": [2, 5], "counts": "1.5 3"},
        {"points": [], "polygon": []},
        {"counts": "b'"},
        {"counts": "b'a', 1"},
        [[], []],
    ],
)
def test_every_other_mask_stays_as_it_is(given: Any) -> None:
    assert plain_mask(given) is given
