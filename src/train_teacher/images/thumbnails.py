"""Small images with boxes drawn on them, as data URIs for an HTML page."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from train_teacher.core.arrays import Floats

if TYPE_CHECKING:
    from PIL.Image import Image

LONGEST_SIDE = 320
COMPARED_SIDE = 480
FONT_SIZE = 13
JPEG_QUALITY = 80
MOST_OTHERS = 500
MARGIN = 0.5
"""Of the image's side that is shown beyond it, for a box that lies outside."""
SMALLEST_MARK = 8.0
"""Pixels of the thumbnail; a smaller box is drawn larger around its centre, to be seen."""
RED, GREY, GROUND = (230, 30, 30), (165, 165, 165), (110, 110, 115)
GREEN, ORANGE = (40, 175, 75), (255, 150, 30)
BYTE = 256


def thumbnail(path: Path, marked: Floats | None, others: Floats) -> str | None:
    """Return the image as training sees it, with boxes, as a JPEG data URI.

    Args:
        marked: (4,) xywh in pixels, drawn in red; the view is widened when it lies outside.
        others: (K, 4) xywh in pixels, drawn thin and grey.

    Returns:
        None when the image cannot be read.
    """
    if marked is not None and not np.isfinite(marked).all():
        marked = None
    with warnings.catch_warnings():
        # An image of 100 megapixels is large, but it is the user's own.
        warnings.simplefilter("ignore")
        opened = _open(path)
    if opened is None:
        return None
    image, width, height = opened
    low, high = _view(marked, width, height)
    scale = LONGEST_SIDE / max(high - low)
    canvas = _canvas(image, (width, height), low, high, scale)
    _draw(canvas, [(_shifted(box, low, scale), GREY, 1) for box in _finite(others)])
    if marked is not None:
        _draw(canvas, [(_visible(_shifted(marked, low, scale)), RED, 3)])
    return _data_uri(canvas)


def compared(
    path: Path, labelled: Floats, detected: Floats, texts: Sequence[str], *, turned: bool = True
) -> str | None:
    """Return an image with truth and detections drawn, as a JPEG data URI.

    Args:
        labelled: (T, 4) xywh in pixels, drawn in green.
        detected: (D, 4) xywh in pixels, drawn in orange.
        turned: whether the boxes are of the photo as EXIF turns it.

    Returns:
        None when the image cannot be read.
    """
    opened = _open(path, COMPARED_SIDE, turned=turned)
    if opened is None:
        return None
    image, width, height = opened
    scale = COMPARED_SIDE / max(width, height)
    low, high = np.zeros(2), np.array([width, height], np.float64)
    canvas = _canvas(image, (width, height), low, high, scale)
    _draw(canvas, [(_shifted(box, low, scale), GREEN, 3) for box in _finite(labelled)])
    boxes = [_shifted(box, low, scale) for box in _finite(detected)]
    _draw(canvas, [(box, ORANGE, 2) for box in boxes])
    for box, text in zip(boxes, texts, strict=False):
        _write(canvas, box, text)
    return _data_uri(canvas)


def _write(canvas: Image, box: Floats, text: str) -> None:
    from PIL import ImageDraw

    pen = ImageDraw.Draw(canvas)
    left, _, right, bottom = pen.textbbox((0, 0), text, font_size=FONT_SIZE)
    x = min(max(float(box[0]), 0.0), max(canvas.width - right - 4, 0))
    above = float(box[1]) - bottom - 4
    y = above if above >= 0 else min(max(float(box[1]), 0.0), canvas.height - bottom - 4)
    pen.rectangle((x, y, x + right - left + 4, y + bottom + 3), fill=ORANGE)
    pen.text((x + 2, y), text, fill=(0, 0, 0), font_size=FONT_SIZE)


def _data_uri(canvas: Image) -> str:
    buffer = io.BytesIO()
    canvas.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _open(
    path: Path, side: int = LONGEST_SIDE, *, turned: bool = True
) -> tuple[Image, int, int] | None:
    """Return the image, perhaps turned and already reduced, and its width and height."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            width, height = image.size
            image.draft("RGB", (side, side))
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


def _view(marked: Floats | None, width: int, height: int) -> tuple[Floats, Floats]:
    """Return the corners of what is shown: the image, and as far as possible the marked box."""
    size = np.array([width, height], np.float64)
    low, high = np.zeros(2), size
    if marked is not None:
        corner, far = marked[:2], marked[:2] + marked[2:]
        low = np.clip(np.minimum(corner, far), -MARGIN * size, 0)
        high = np.clip(np.maximum(corner, far), size, (1 + MARGIN) * size)
    return low, high


def _canvas(image: Image, size: tuple[int, int], low: Floats, high: Floats, scale: float) -> Image:
    from PIL import Image

    small = tuple(max(1, round(side * scale)) for side in size)
    whole = tuple(max(1, round(side)) for side in (high - low) * scale)
    canvas = Image.new("RGB", (whole[0], whole[1]), GROUND)
    corner = tuple(round(-side) for side in low * scale)
    canvas.paste(image.resize((small[0], small[1])), (corner[0], corner[1]))
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
