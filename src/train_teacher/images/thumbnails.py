"""Images with boxes drawn on them, as data URIs for an HTML page."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from train_teacher.core.arrays import Floats
from train_teacher.images.drawings import Color, write_label

if TYPE_CHECKING:
    from PIL.Image import Image

LONGEST_SIDE = 480
FONT_SIZE = 22
"""Pixels of the thumbnail, which a page shows at about half its size."""
JPEG_QUALITY = 76
MOST_MARKS = 500
MOST_TEXTS = 20
"""Boxes in a thumbnail up to which each says what it is."""
MARGIN = 0.5
"""Of the image's side that is shown beyond it, for a box that lies outside."""
AROUND = 4.0
"""Sides of a small box that are shown around it,"""
LEAST_VIEW = 48.0
"""but no fewer pixels of the image,"""
WHOLE_VIEW = 0.6
"""and the whole image where the two are nearly alike."""
SMALLEST_MARK = 8.0
"""Pixels of the thumbnail; a smaller box is drawn larger around its centre, to be seen."""
RED, GREY, GROUND = (230, 30, 30), (165, 165, 165), (110, 110, 115)
GREEN, ORANGE = (40, 175, 75), (255, 150, 30)
BYTE = 256
ORIENTATION = 0x0112


class Mark(NamedTuple):
    """A box that is drawn."""

    box: Floats
    """(4,) xywh, pixels of the image."""
    color: Color
    text: str = ""
    line: int = 3
    below: bool = False
    """Whether the text stands below the box, not above."""


def thumbnail(
    path: Path, marks: Sequence[Mark], around: Floats | None = None, *, turned: bool = True
) -> str | None:
    """Return an image as a JPEG data URI, with boxes drawn; None when it cannot be read.

    Args:
        around: (4,) xywh in pixels, what is looked at: the view is closer where it is small, and
            wider where it lies outside the image.
        turned: whether the boxes are of the photo as EXIF turns it.
    """
    if around is not None and not np.isfinite(around).all():
        around = None
    opened = _open(path, around, turned=turned)
    if opened is None:
        return None
    canvas, low, scale = opened
    marks = [mark for mark in marks if np.isfinite(mark.box).all()][:MOST_MARKS]
    boxes = [_visible(np.concatenate([m.box[:2] - low, m.box[2:]]) * scale) for m in marks]
    for mark, box in zip(marks, boxes, strict=True):
        _draw(canvas, box, mark)
    if len(marks) <= MOST_TEXTS:
        for mark, box in zip(marks, boxes, strict=True):
            if mark.text:
                write_label(canvas, box, mark.text, mark.color, FONT_SIZE, below=mark.below)
    buffer = io.BytesIO()
    canvas.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _open(path: Path, around: Floats | None, *, turned: bool) -> tuple[Image, Floats, float] | None:
    """Return what is seen of an image, the corner where that begins, and its scale."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings(), Image.open(path) as opened:
            # An image of 100 megapixels is large, but it is the user's own.
            warnings.simplefilter("ignore")
            size = np.array(opened.size, np.float64)
            # Orientations 5 to 8 lie on their side; OpenCV turns them when training reads them.
            if turned and opened.getexif().get(ORIENTATION, 1) in range(5, 9):
                size = size[::-1]
            low, high = _view(around, size)
            scale = LONGEST_SIDE / float(max(high - low))
            needed = int(scale * max(size)) + 1
            opened.draft("RGB", (needed, needed))
            upright = ImageOps.exif_transpose(opened) if turned else opened
            return _canvas(_rgb(upright), size, low, high, scale), low, scale
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


def _view(around: Floats | None, size: Floats) -> tuple[Floats, Floats]:
    """Return the corners of what is shown: near a small box, or as far as one outside reaches."""
    if around is None:
        return np.zeros(2), size
    corner, far = around[:2], around[:2] + around[2:]
    low, high = np.minimum(corner, far), np.maximum(corner, far)
    side = max(AROUND * float(max(high - low)), LEAST_VIEW)
    if (low < 0).any() or (high > size).any() or side > WHOLE_VIEW * max(size):
        return np.clip(low, -MARGIN * size, 0), np.clip(high, size, (1 + MARGIN) * size)
    shown = np.minimum(side, size)
    start = np.clip((low + high - shown) / 2, 0, size - shown)
    return start, start + shown


def _canvas(image: Image, size: Floats, low: Floats, high: Floats, scale: float) -> Image:
    from PIL import Image

    first, last = np.maximum(low, 0), np.minimum(high, size)
    reduced = np.array(image.size) / size
    box = (*(first * reduced).tolist(), *(last * reduced).tolist())
    canvas = Image.new("RGB", _pixels((high - low) * scale), GROUND)
    left, top = np.rint((first - low) * scale).astype(int).tolist()
    canvas.paste(image.resize(_pixels((last - first) * scale), box=box), (left, top))
    return canvas


def _pixels(sides: Floats) -> tuple[int, int]:
    width, height = np.maximum(np.rint(sides), 1).astype(int).tolist()
    return width, height


def _visible(box: Floats) -> Floats:
    grown = np.maximum(box[2:], SMALLEST_MARK)
    return np.concatenate([box[:2] + (box[2:] - grown) / 2, grown])


def _draw(canvas: Image, box: Floats, mark: Mark) -> None:
    from PIL import ImageDraw

    limit = np.array(canvas.size * 2, np.float64)
    # Numbers far outside overflow in PIL; one step beyond the edge looks the same.
    corners = np.concatenate([box[:2], box[:2] + box[2:]])
    left, top, right, bottom = np.clip(corners, -mark.line - 1, limit + mark.line).tolist()
    if right >= left and bottom >= top:
        pen = ImageDraw.Draw(canvas)
        pen.rectangle((left, top, right, bottom), outline=mark.color, width=mark.line)
