"""Images of a page show what they are about, turned exactly when their labels are."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from train_teacher.images.thumbnails import GREEN, LONGEST_SIDE, RED, Mark, thumbnail

TURN_RIGHT = 6


def drawn(path: Path, *boxes: list[float], around: int | None = None, **options: Any) -> Any:
    """Return the thumbnail, opened; the box that is looked at is red, the others green."""
    marks = [Mark(np.array(b), RED if n == around else GREEN) for n, b in enumerate(boxes)]
    looked_at = None if around is None else np.array(boxes[around])
    source = thumbnail(path, marks, looked_at, **options)
    assert source is not None
    return Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))


def red_part(image: Any) -> tuple[int, int, int, int]:
    """Return where the image is red: left, top, right, bottom."""
    values = np.asarray(image, np.int64)
    down, across = np.nonzero((values[..., 0] > 170) & (values[..., 1:] < 100).all(axis=2))
    return across.min(), down.min(), across.max(), down.max()


@pytest.mark.parametrize(("turned", "upright"), [(True, True), (False, False)])
def test_a_photo_is_turned_as_it_was_labelled(tmp_path: Path, turned: bool, upright: bool) -> None:
    exif = Image.Exif()
    exif[0x0112] = TURN_RIGHT
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (80, 40)).save(path, exif=exif)
    image = drawn(path, turned=turned)
    assert (image.height > image.width) == upright


def test_a_small_box_is_looked_at_closely_with_some_of_what_is_around_it(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.new("RGB", (4000, 3000)).save(path)

    image = drawn(path, [1000, 2000, 40, 30], [1010, 2010, 9, 9], around=0)

    assert image.size == (LONGEST_SIDE, LONGEST_SIDE)
    left, top, right, bottom = red_part(image)
    assert right - left == pytest.approx(LONGEST_SIDE / 4, abs=6)
    assert (left + right) / 2 == pytest.approx(LONGEST_SIDE / 2, abs=6)
    assert (top + bottom) / 2 == pytest.approx(LONGEST_SIDE / 2, abs=6)


def test_a_small_box_in_the_corner_is_seen_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.new("RGB", (4000, 3000)).save(path)
    image = drawn(path, [3960, 2970, 40, 30], around=0)
    _, _, right, bottom = red_part(image)
    assert image.size == (LONGEST_SIDE, LONGEST_SIDE)
    assert min(right, bottom) >= LONGEST_SIDE - 6


def test_a_large_box_is_shown_in_the_whole_image(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.new("RGB", (400, 300)).save(path)
    assert drawn(path, [50, 50, 200, 200], around=0).size == (LONGEST_SIDE, LONGEST_SIDE * 3 / 4)


def test_a_box_says_what_it_is_unless_there_are_too_many_to_be_read(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.new("RGB", (480, 480)).save(path)
    box = np.array([100.0, 200, 100, 100])

    def shown(text: str, count: int) -> str | None:
        return thumbnail(path, [Mark(box, RED, text)] * count)

    assert shown("cat", 1) != shown("", 1)
    assert shown("cat", 30) == shown("", 30)
