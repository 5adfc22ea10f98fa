"""Tiles that a run with `--tile` is trained and validated on, beside copies of whole images."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path, PurePath
from shutil import copyfile
from typing import Any

import msgspec
import numpy as np

from train_teacher.console.progress import Progress
from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.errors import UserError
from train_teacher.core.json_file import read_json
from train_teacher.data.odvg import write_odvg
from train_teacher.images.tiles import Tiling, cut_labels
from train_teacher.inspection.facts import DatasetInfo, SplitInfo

FOLDER = "tiles"
"""In a run's data folder: an annotation file for each of `SPLITS`, and a folder of its images."""
SPLITS = ("train", "val")


def as_tiles(split: SplitInfo) -> SplitInfo:
    """Return a split with the files that training reads for it; test images stay whole."""
    folder = PurePath(split.path).parent / FOLDER
    if split.name not in SPLITS:
        return split
    path, images = folder / f"{split.name}.json", folder / split.name
    return msgspec.structs.replace(split, path=path.as_posix(), image_dir=images.as_posix())


def cut_sizes(info: DatasetInfo, side: int) -> DatasetInfo:
    """Return the facts with the sizes that tiles have; of images when the side is 0."""
    sides = ("width_median", "width_max", "height_median", "height_max", "short_side_min")
    cut = {name: min(side, getattr(info.sizes, name)) for name in sides if side}
    return msgspec.structs.replace(info, sizes=msgspec.structs.replace(info.sizes, **cut))


def with_tiles(
    info: DatasetInfo, copies: Mapping[str, Mapping[str, Any]], tiling: Tiling
) -> tuple[DatasetInfo, str]:
    """Return the facts of a run that is trained on tiles, and what they take, in words.

    Args:
        info: with the splits that will be written, train first.
        copies: canonical copies by the name of the split.
        tiling: how to cut.
    """
    tiles = {name: cut_labels(copies[name], tiling, training=name == "train") for name in SPLITS}
    count = {name: f"{len(content['images']):,}" for name, content in tiles.items()}
    size = sum(3 * i["width"] * i["height"] for name in SPLITS for i in tiles[name]["images"])
    told = (
        f"{count['train']} of {tiling.side} pixels to train on; {count['val']} for validation, "
        f"which counts on whole images: at most {size / 1e6:,.0f} MB of PNG"
    )
    learned = [label for label in tiles["train"]["annotations"] if not label["iscrowd"]]
    labels = np.array([label["category_id"] - 1 for label in learned], np.int64)
    train = msgspec.structs.replace(
        info.splits[0],
        num_images=len(tiles["train"]["images"]),
        num_annotations=len(tiles["train"]["annotations"]),
        num_boxes=len(learned),
        boxes_per_class=tuple(np.bincount(labels, minlength=info.num_classes).tolist()),
        num_empty_images=len(tiles["train"]["images"]) - len({a["image_id"] for a in learned}),
    )
    info = msgspec.structs.replace(info, splits=(train, *info.splits[1:]))
    return cut_sizes(info, tiling.side), told


def write_tiles(
    folder: Path,
    info: DatasetInfo,
    tiling: Tiling,
    *,
    turned: bool,
    progress: Progress | None = None,
) -> None:
    """Write the tiles of the canonical copies in a run's data folder.

    Args:
        folder: the run's data, its copies written.
        info: facts of the run.
        tiling: how to cut.
        turned: whether photos are turned as EXIF says.
        progress: called with the tiles written, for each split.

    Raises:
        UserError: an image cannot be read, or a tile cannot be written.
    """
    for split in info.splits:
        if split.name not in SPLITS:
            continue
        content = read_json(folder / f"{split.name}.json", dict[str, Any])
        tiles = cut_labels(content, tiling, training=split.name == "train")
        target = folder / FOLDER / split.name
        target.mkdir(parents=True)
        for name, cut in groupby(tiles["images"], key=lambda tile: tile["file_name"]):
            own = list(cut)
            _write_images(Path(split.image_dir or "") / name, own, target, turned=turned)
            if progress:
                progress(own[-1]["id"], len(tiles["images"]))
        write_atomically(target.with_name(f"{split.name}.json"), msgspec.json.encode(tiles))
        if split.name == "train" and not info.prompt.fits:
            write_odvg(target.parent, tiles)


def _write_images(source: Path, tiles: list[dict[str, Any]], folder: Path, *, turned: bool) -> None:
    """Cut one image, and give the records the names of what was written."""
    import cv2

    unturned = 0 if turned else cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels: Any = cv2.imdecode(np.fromfile(source, np.uint8), cv2.IMREAD_COLOR | unturned)
        for tile in tiles:
            name = "_".join(map(str, (tile["whole"], *tile["window"])))
            tile["file_name"] = name + (".png" if tile["window"] else source.suffix)
            if not tile["window"]:
                copyfile(source, folder / tile["file_name"])
                continue
            left, top, right, bottom = tile["window"]
            encoded = cv2.imencode(".png", pixels[top:bottom, left:right])[1]
            (folder / tile["file_name"]).write_bytes(encoded)
    except (OSError, TypeError, cv2.error) as error:
        raise UserError(f"{source}: no tiles can be made of it: {error}.") from error
