"""Images of the report are turned exactly when their labels are."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from train_teacher.images.thumbnails import with_boxes

TURN_RIGHT = 6


@pytest.mark.parametrize(("turned", "upright"), [(True, True), (False, False)])
def test_a_photo_is_turned_as_it_was_labelled(tmp_path: Path, turned: bool, upright: bool) -> None:
    exif = Image.Exif()
    exif[0x0112] = TURN_RIGHT
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (80, 40)).save(path, exif=exif)
    none = np.zeros((0, 4))
    drawn = with_boxes(path, none, [], turned=turned)
    assert drawn is not None
    with Image.open(io.BytesIO(base64.b64decode(drawn.partition(",")[2]))) as image:
        assert (image.height > image.width) == upright
