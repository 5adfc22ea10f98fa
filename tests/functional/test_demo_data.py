"""The demo's labels are where its shapes are drawn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from generated_data import make_images

BRIGHT = 185
"""Gray level between the lightest background and a white shape."""


def test_a_rings_label_reaches_the_outer_edge_of_its_stroke(tmp_path: Path) -> None:
    content = json.loads(make_images(tmp_path, 30, 0, ["white ring"]).read_text())
    names = {image["id"]: image["file_name"] for image in content["images"]}
    bright = {
        number: np.asarray(Image.open(tmp_path / "images" / name).convert("L")) > BRIGHT
        for number, name in names.items()
    }
    owners = [annotation["image_id"] for annotation in content["annotations"]]
    alone = [a for a in content["annotations"] if owners.count(a["image_id"]) == 1]
    assert len(alone) > 3
    for annotation in alone:
        x, y, width, height = annotation["bbox"]
        here = bright[annotation["image_id"]]
        # The middle row and column of the box run through the stroke on both sides.
        for edges, line, low, size in (
            ("left and right", here[round(y + height / 2)], x, width),
            ("top and bottom", here[:, round(x + width / 2)], y, height),
        ):
            inside = np.flatnonzero(line[max(0, round(low) - 3) : round(low + size) + 3])
            assert np.ptp(inside) + 1 >= size - 6, edges
            assert np.ptp(inside) + 1 <= size + 3, edges
