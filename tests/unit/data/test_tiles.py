from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from coco_factory import annotation, category, image, make_coco
from train_teacher.core.errors import UserError
from train_teacher.data.manager import DataManager
from train_teacher.data.tiles import as_tiles, cut_sizes, with_tiles, write_tiles
from train_teacher.images.tiles import Tiling
from train_teacher.inspection.facts import DatasetInfo

TILING = Tiling(50, 0.0)


def planned(folder: Path, run: Path) -> tuple[DataManager, DatasetInfo]:
    """Plan a training image of 100 x 50 pixels in two halves, and a validation image of 40 x 40."""
    labels = [annotation(1, bbox=[60, 10, 20, 20]), annotation(2, bbox=[30, 0, 40, 40])]
    data = make_coco(
        folder,
        images=[image(1, "a.jpg", width=100, height=50)],
        annotations=labels,
        categories=[category(1, "cat"), category(2, "dog")],
    )
    val = make_coco(
        folder,
        images=[image(1, "b.jpg", width=40, height=40)],
        annotations=[annotation(1)],
        categories=[category(1, "cat"), category(2, "dog")],
        name="val.json",
    )
    manager = DataManager(data, val=val)
    splits = manager.plan_splits(run)
    return manager, msgspec.structs.replace(manager.inspect(), splits=splits)


def copies(manager: DataManager) -> dict[str, dict[str, Any]]:
    return {name: manager.copy_of(name) for name in ("train", "val")}


def test_the_facts_of_a_tiled_run_are_those_of_its_tiles(tmp_path: Path) -> None:
    manager, info = planned(tmp_path / "in", tmp_path)

    tiled, told = with_tiles(info, copies(manager), TILING)

    train, val = tiled.splits
    # The second box is 50 % in each half.
    assert (train.num_images, train.num_boxes, train.boxes_per_class) == (2, 3, (3, 0))
    assert train.num_empty_images == 0
    assert val == info.splits[1]
    assert (tiled.sizes.width_median, tiled.sizes.height_median) == (50, 50)
    assert told == (
        "2 of 50 pixels to train on; 1 for validation, which counts on whole images: at most "
        "0 MB of PNG"
    )
    assert cut_sizes(info, 0) == info


def test_tiles_show_the_pixels_of_the_image_and_a_small_one_is_copied(tmp_path: Path) -> None:
    manager, info = planned(tmp_path / "in", tmp_path)
    photo = np.random.default_rng(0).integers(0, 255, (100, 50, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # displayed turned by 90 degrees, which makes it 100 x 50
    Image.fromarray(photo).save(tmp_path / "in" / "a.jpg", exif=exif, quality=95)
    manager.write_splits(tmp_path)

    write_tiles(tmp_path, info, TILING, turned=True)

    split = as_tiles(info.splits[0])
    tiles = json.loads(Path(split.path).read_text())["images"]
    names = [tile["file_name"] for tile in tiles]
    assert names == ["1_0_0_50_50.png", "1_50_0_100_50.png"]
    halves = [np.asarray(Image.open(Path(str(split.image_dir)) / name)) for name in names]
    with Image.open(tmp_path / "in" / "a.jpg") as opened:
        displayed = np.asarray(opened.transpose(Image.Transpose.ROTATE_270))
    difference = np.concatenate(halves, axis=1).astype(int) - displayed
    assert abs(difference).max() <= 3  # two decoders of JPEG
    (small,) = (tmp_path / "tiles" / "val").iterdir()
    assert small.read_bytes() == (tmp_path / "in" / "b.jpg").read_bytes()


def test_test_images_stay_whole(tmp_path: Path) -> None:
    _, info = planned(tmp_path / "in", tmp_path)
    test = msgspec.structs.replace(info.splits[1], name="test")

    assert as_tiles(test) == test
    assert as_tiles(info.splits[1]).path == (tmp_path / "tiles" / "val.json").as_posix()


def test_an_image_that_cannot_be_cut_is_named(tmp_path: Path) -> None:
    manager, info = planned(tmp_path / "in", tmp_path)
    manager.write_splits(tmp_path)
    (tmp_path / "in" / "a.jpg").write_bytes(b"no image")

    with pytest.raises(UserError, match=r"a\.jpg: no tiles can be made of it"):
        write_tiles(tmp_path, info, TILING, turned=True)
