from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from coco_factory import image
from inspected_data import images_of, read
from train_teacher.images.facts import ImageFiles


@pytest.mark.parametrize("orientation", range(1, 9))
def test_only_turned_images_are_displayed_with_their_sides_exchanged(
    tmp_path: Path, orientation: int
) -> None:
    dataset = read(tmp_path, images=[image(1)], annotations=[])
    facts = images_of(dataset, size=[(640, 480)], orientation=[orientation]).facts
    assert facts is not None

    expected = [480, 640] if orientation >= 5 else [640, 480]
    assert facts.displayed_size.tolist() == [expected]


def test_a_file_that_was_found_under_another_name_is_opened_by_that_name() -> None:
    files = ImageFiles(Path("images"), np.empty(0, np.int64), {}, True, renamed={1: "b.JPG"})

    assert [files.name_of(row, "b.jpg") for row in (0, 1)] == ["b.jpg", "b.JPG"]
