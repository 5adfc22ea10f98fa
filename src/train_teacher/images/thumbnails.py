"""Thumbnails with boxes, as data URIs for an HTML page."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from train_teacher.core.arrays import Floats
from train_teacher.images.drawings import write_name

if TYPE_CHECKING:
    from PIL.Image import Image

LONGEST_SIDE = 320
COMPARED_SIDE = 720
"""Large enough to be looked at alone, on a click."""
FONT_SIZE = 24
JPEG_QUALITY = 80
MOST_OTHERS = 500
MOST_NAMED = 30
"""Boxes of an image that are named: the names of more cover it."""
MARGIN = 0.5
"""Of the image's side that is shown beyond it, for a box that lies outside."""
AROUND, LEAST_WINDOW, CLOSE_UP = 5, 48, 0.6
"""A box is shown with its surroundings, five times its side, where that is less than 60 % of the
image; no closer than 48 pixels."""
SMALLEST_MARK = 8.0
"""Pixels of the thumbnail; a smaller box is drawn larger around its center, to be seen."""
RED, GREY, GROUND = (230, 30, 30), (165, 165, 165), (110, 110, 115)
GREEN, ORANGE = (40, 175, 75), (255, 150, 30)
BYTE = 256


def thumbnail(path: Path, marked: Floats | None, others: Floats) -> str | None:
    """Return the image as training sees it, with boxes, as a JPEG data URI.

    Args:
        marked: (4,) xywh in pixels, drawn in red; the view is widened when it lies outside.
        others: (K, 4) xywh in pixels, drawn thin and gray.

    Returns:
        None when the image cannot be read.
    """
    if marked is not None and not np.isfinite(marked).all():
        marked = None
    shown = _shown(path, LONGEST_SIDE, marked)
    if shown is None:
        return None
    canvas, low, scale = shown
    _draw(canvas, [(_shifted(box, low, scale), GREY, 1) for box in _finite(others)])
    if marked is not None:
        _draw(canvas, [(_visible(_shifted(marked, low, scale)), RED, 3)])
    return _data_uri(canvas)


def with_boxes(
    path: Path,
    labelled: Floats,
    names: Sequence[str],
    detected: Floats | None = None,
    texts: Sequence[str] = (),
    *,
    turned: bool = True,
    near: bool = False,
) -> str | None:
    """Return an image with its labels, and what was detected in it, as a JPEG data URI.

    Args:
        labelled: (T, 4) xywh in pixels, drawn in green.
        names: (T,) what is written in each of them, at the lower edge.
        detected: (D, 4) xywh in pixels, drawn in orange.
        texts: (D,) what is written above each of them.
        turned: whether the boxes are of the photo as EXIF turns it.
        near: show the boxes and what is around them alone, where they are small.

    Returns:
        None when the image cannot be read.
    """
    everything = _around(labelled, detected) if near else None
    shown = _shown(path, COMPARED_SIDE, everything, turned=turned)
    if shown is None:
        return None
    canvas, low, scale = shown
    # What was detected comes last: it is what the eye looks for.
    for boxes, told, color, edge in ((labelled, names, GREEN, 1), (detected, texts, ORANGE, 0)):
        if boxes is None:
            continue
        places = [_shifted(box, low, scale) for box in _finite(boxes)]
        _draw(canvas, [(box, color, 3) for box in places])
        if len(places) <= MOST_NAMED:
            for box, text in zip(places, told, strict=False):
                corner = float(box[0]), float(box[1] + edge * box[3])
                write_name(canvas, text, corner, color, FONT_SIZE)
    return _data_uri(canvas)


def _around(*boxes: Floats | None) -> Floats:
    """Return the (4,) xywh that holds all boxes."""
    every = np.concatenate([part for part in boxes if part is not None])
    corner, far = every[:, :2].min(axis=0), (every[:, :2] + every[:, 2:]).max(axis=0)
    return np.concatenate([corner, far - corner])


def _data_uri(canvas: Image) -> str:
    buffer = io.BytesIO()
    canvas.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _shown(
    path: Path, side: int, marked: Floats | None, *, turned: bool = True
) -> tuple[Image, Floats, float] | None:
    """Return the image to draw on, its upper left corner in pixels of the file, and its scale."""
    opened = _open(path, side, marked, turned=turned)
    if opened is None:
        return None
    image, width, height = opened
    low, high = _view(marked, width, height)
    scale = side / max(high - low)
    return _canvas(image, (width, height), low, high, scale), low, scale


def _open(
    path: Path, side: int, marked: Floats | None, *, turned: bool
) -> tuple[Image, int, int] | None:
    """Return the image, perhaps turned and already reduced, and its width and height."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            # An image of 100 megapixels is large, but it is the user's own.
            warnings.simplefilter("ignore")
            opened = Image.open(path)
        with opened as image:
            width, height = image.size
            wanted = round(side * max(width, height) / _window(marked, width, height))
            image.draft("RGB", (wanted, wanted))
            reduced = image.size
            upright = ImageOps.exif_transpose(image) if turned else image
            # Orientations 5 to 8 lie on their side; OpenCV turns them when training reads them.
            if upright.size != reduced:
                width, height = height, width
            return _rgb(upright), width, height
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError):
        return None


def _rgb(image: Image) -> Image:
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, np.float64)
        # OpenCV keeps the upper byte of 16 bits.
        values = values / BYTE if values.max(initial=0) >= BYTE else values
        return Image.fromarray(np.clip(values, 0, BYTE - 1).astype(np.uint8)).convert("RGB")
    return image.convert("RGB")


def _window(marked: Floats | None, width: int, height: int) -> float:
    """Return the side of what is shown, in pixels: the image's, or less around a small box."""
    whole = float(max(width, height))
    if marked is None:
        return whole
    near = max(AROUND * float(np.abs(marked[2:]).max()), LEAST_WINDOW)
    inside = (marked[:2] >= 0).all() and (marked[:2] + marked[2:] <= (width, height)).all()
    return near if inside and near < CLOSE_UP * whole else whole


def _view(marked: Floats | None, width: int, height: int) -> tuple[Floats, Floats]:
    """Return the corners of what is shown: the image and the marked box, or what is around it."""
    size = np.array([width, height], np.float64)
    low, high = np.zeros(2), size
    if marked is not None:
        window = _window(marked, width, height)
        if window < size.max():
            shown = np.minimum(window, size)
            low = np.clip(marked[:2] + marked[2:] / 2 - shown / 2, 0, size - shown)
            return low, low + shown
        corner, far = marked[:2], marked[:2] + marked[2:]
        low = np.clip(np.minimum(corner, far), -MARGIN * size, 0)
        high = np.clip(np.maximum(corner, far), size, (1 + MARGIN) * size)
    return low, high


def _canvas(image: Image, size: tuple[int, int], low: Floats, high: Floats, scale: float) -> Image:
    from PIL import Image

    whole = tuple(max(1, round(side)) for side in (high - low) * scale)
    canvas = Image.new("RGB", (whole[0], whole[1]), GROUND)
    first, last = np.maximum(low, 0), np.minimum(high, size)
    small = np.array(image.size, np.float64)
    seen = np.minimum(np.concatenate([first, last]) * np.tile(small / size, 2), np.tile(small, 2))
    left, top, right, bottom = seen.tolist()
    shown = [max(1, round(side)) for side in (last - first) * scale]
    part = image.resize((shown[0], shown[1]), box=(left, top, right, bottom))
    corner = ((first - low) * scale).round().astype(int).tolist()
    canvas.paste(part, (corner[0], corner[1]))
    return canvas


def _shifted(box: Floats, low: Floats, scale: float) -> Floats:
    return np.asarray(np.concatenate([box[:2] - low, box[2:]]) * scale, np.float64)


def _finite(boxes: Floats) -> Floats:
    return boxes[np.isfinite(boxes).all(axis=1)][:MOST_OTHERS]


def _visible(box: Floats) -> Floats:
    grown = np.maximum(box[2:], SMALLEST_MARK)
    return np.concatenate([box[:2] + (box[2:] - grown) / 2, grown])


def _draw(canvas: Image, boxes: list[tuple[Floats, tuple[int, int, int], int]]) -> None:
    from PIL import ImageDraw

    pen = ImageDraw.Draw(canvas)
    limit = np.array(canvas.size * 2, np.float64)
    for box, color, width in boxes:
        # Numbers far outside overflow in PIL; one step beyond the edge looks the same.
        corners = np.clip(np.concatenate([box[:2], box[:2] + box[2:]]), -width - 1, limit + width)
        left, top, right, bottom = corners.tolist()
        if right >= left and bottom >= top:
            pen.rectangle((left, top, right, bottom), outline=color, width=width)
