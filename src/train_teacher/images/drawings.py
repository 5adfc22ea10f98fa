"""Copies of images with the boxes and masks of a teacher."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from train_teacher.core.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

Color = tuple[int, int, int]
LEAST_FONT, FONT_SHARE = 12, 0.02
"""Pixels, and share of the image's longer side."""
JPEG_QUALITY = 90
GOLDEN_ANGLE = 0.381966
"""Step on the color circle from class to class: neighbors never look alike."""
MASK_OPACITY = 0.4


def draw_detections(
    source: Path,
    target: Path,
    labels: Sequence[int],
    boxes: Sequence[Sequence[float]],
    texts: Sequence[str],
    masks: Sequence[dict[str, Any]] = (),
    *,
    turned: bool = True,
) -> None:
    """Write a copy of an image with its detections.

    Args:
        target: JPEG to write.
        labels: class numbers, which choose the colors.
        boxes: xywh, pixels.
        masks: run lengths of each box, or none.
        turned: whether the boxes are of the photo as EXIF turns it.

    Raises:
        UserError: the copy cannot be written.
    """
    from PIL import Image, ImageDraw, ImageOps

    with Image.open(source) as opened:
        image = (ImageOps.exif_transpose(opened) if turned else opened).convert("RGB")
    for label, mask in zip(labels, masks, strict=False):
        image = _tinted(image, mask, class_color(label))
    pen = ImageDraw.Draw(image)
    size = max(LEAST_FONT, round(FONT_SHARE * max(image.size)))
    line = max(2, size // 6)
    for label, (x, y, width, height), text in zip(labels, boxes, texts, strict=True):
        color = class_color(label)
        pen.rectangle((x, y, x + width, y + height), outline=color, width=line)
        write_name(image, text, (x, y), color, size)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.name}.partial")
        image.save(unfinished, "JPEG", quality=JPEG_QUALITY)
        unfinished.replace(target)
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror or error}.") from error


def write_name(
    image: Image, text: str, corner: tuple[float, float], color: Color, size: int
) -> None:
    """Write a name in black on a color, its lower left corner there or as near as it fits."""
    from PIL import ImageDraw

    pen = ImageDraw.Draw(image)
    _, _, right, bottom = pen.textbbox((0, 0), text, font_size=size)
    wide, high = right + 4, bottom + 3
    x = min(max(corner[0], 0), max(image.width - wide, 0))
    y = min(max(corner[1] - high, 0), max(image.height - high, 0))
    pen.rectangle((x, y, x + wide, y + high), fill=color)
    pen.text((x + 2, y), text, fill=(0, 0, 0), font_size=size)


def class_color(label: int) -> Color:
    """Return the color of a class, bright enough for black letters."""
    red, green, blue = colorsys.hls_to_rgb((0.08 + label * GOLDEN_ANGLE) % 1, 0.62, 0.85)
    return round(255 * red), round(255 * green), round(255 * blue)


def _tinted(image: Any, mask: dict[str, Any], color: Color) -> Any:
    from PIL import Image
    from pycocotools import mask as run_lengths

    inside: npt.NDArray[np.uint8] = run_lengths.decode(mask)
    cover = Image.fromarray(inside * round(255 * MASK_OPACITY))
    return Image.composite(Image.new("RGB", image.size, color), image, cover)
