"""Tiles of large images: their places by sahi, and the labels in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from train_teacher.core.errors import UsageError

LEAST_SIDE, MOST_OVERLAP = 32, 0.5
LEAST_INSIDE = 0.4
"""Share of a box that a tile must hold for it to be an object there."""
Window = tuple[int, ...]
"""xyxy, pixels of the whole image; empty: all of it."""
Label = dict[str, Any]
"""An annotation of a canonical copy, without what only people need."""
KEPT = ("category_id", "bbox", "area")
Tiles = dict[Window, list[Label]]
"""The objects in each."""


@dataclass(frozen=True)
class Tiling:
    """Side and overlap of the tiles of large images."""

    side: int
    """Pixels."""
    overlap: float
    """Share of a side that two neighbors both show."""

    def __str__(self) -> str:
        """Say it."""
        return (
            f"images of more than {self.side} pixels were looked at whole and in tiles of "
            f"{self.side} pixels that overlap by {self.overlap:.0%}"
        )

    def windows(self, width: int, height: int) -> list[Window]:
        """Return the tiles of an image; none where one would hold all of it."""
        from sahi.slicing import get_slice_bboxes

        if max(width, height) <= self.side:
            return []
        side, overlap = self.side, self.overlap
        found = get_slice_bboxes(height, width, side, side, False, overlap, overlap)
        return [tuple(window) for window in found]


def tiling_of(tile: int, overlap: float) -> Tiling | None:
    """Return how to cut, None for `tile` 0.

    Raises:
        UsageError: there are no such tiles, or sahi is not installed.
    """
    if not tile:
        return None
    if tile < LEAST_SIDE or not 0 <= overlap <= MOST_OVERLAP:
        raise UsageError(
            f"--tile {tile} --overlap {overlap:g}: give a side of at least {LEAST_SIDE} pixels (0 "
            f"for no tiles), of which neighbors share 0 to {MOST_OVERLAP:g}."
        )
    if find_spec("sahi") is None:
        raise UsageError("--tile needs sahi, not installed: pip install 'train-teacher[tiles]'")
    return Tiling(tile, overlap)


def cut_labels(content: Mapping[str, Any], tiling: Tiling, *, training: bool) -> dict[str, Any]:
    """Return a canonical copy of tiles; an image record says of which `whole`, at which `window`.

    A label is one of each tile that holds 40 % of its box, cut at the edge. A smaller piece is a
    crowd there: nothing to learn, neither hit nor miss (sahi's slice_coco drops those below 10 %).

    Args:
        content: a canonical copy of images.
        tiling: how to cut.
        training: tiles with something to learn, no more empty ones, and the whole image only where
            no tile holds enough of an object. Otherwise all tiles and the whole image, first.
    """
    of_image: dict[int, list[Label]] = {image["id"]: [] for image in content["images"]}
    for label in content["annotations"]:
        crowd = int(bool(label["iscrowd"] or label.get("ignore")))
        own = {"iscrowd": crowd, **{name: label[name] for name in ("id", *KEPT)}}
        of_image[label["image_id"]].append(own)
    images: list[dict[str, Any]] = []
    annotations: list[Label] = []
    for image in content["images"]:
        size, labels = (image["width"], image["height"]), of_image[image["id"]]
        tiles: Tiles = {window: _pieces(labels, window) for window in tiling.windows(*size)}
        kept = _to_train(labels, tiles) if training else {(): labels, **tiles}
        for window, pieces in kept.items():
            left, top, right, bottom = window or (0, 0, *size)
            number = len(images) + 1
            place = {"whole": image["id"], "window": window, "file_name": image["file_name"]}
            images.append({"id": number, "width": right - left, "height": bottom - top, **place})
            annotations += [{**piece, "image_id": number} for piece in pieces]
    for number, label in enumerate(annotations, 1):
        label["id"] = number
    return {**content, "images": images, "annotations": annotations}


def _pieces(labels: Sequence[Label], window: Window) -> list[Label]:
    """Return what a tile shows of the labels of an image."""
    left, top, right, bottom = window
    pieces = []
    for label in labels:
        x, y, w, h = label["bbox"]
        x0, y0 = max(x, left), max(y, top)
        width, height = min(x + w, right) - x0, min(y + h, bottom) - y0
        if width <= 0 or height <= 0:
            continue
        inside = width * height / (w * h)
        pieces.append(
            {
                **label,
                "bbox": [x0 - left, y0 - top, width, height],
                "area": label["area"] * inside,
                "iscrowd": label["iscrowd"] if inside >= LEAST_INSIDE else 1,
            }
        )
    return pieces


def _to_train(labels: list[Label], tiles: Tiles) -> Tiles:
    learned = {w: pieces for w, pieces in tiles.items() if any(not p["iscrowd"] for p in pieces)}
    shown = {p["id"] for pieces in learned.values() for p in pieces if not p["iscrowd"]}
    whole = any(not label["iscrowd"] and label["id"] not in shown for label in labels)
    empty = [window for window, pieces in tiles.items() if not pieces]
    step = max(1, len(empty) // max(1, len(learned)))
    spread: Tiles = {window: [] for window in empty[::step][: max(1, len(learned))]}
    return {**learned, **spread, **({(): labels} if whole or not tiles else {})}
