"""Ways to spoil one image file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def cut(path: Path) -> None:
    """Cut an image file two bytes short."""
    path.write_bytes(path.read_bytes()[:-2])


def turned(path: Path) -> None:
    """Give an image the EXIF orientation of a camera on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(path) as image:
        image.load()
        image.save(path, exif=exif)


def sixteen_bit(path: Path) -> None:
    """Replace an image by one with 16 bits a pixel."""
    values = np.random.default_rng(1).integers(0, 60000, (240, 320)).astype(np.uint16)
    Image.fromarray(values).save(path, format="PNG")


def really_png(path: Path) -> None:
    """Write a PNG under a JPEG's name."""
    with Image.open(path) as image:
        image.load()
        image.save(path, format="PNG")


def dark(path: Path) -> None:
    """Replace an image by one of the night."""
    noise = np.random.default_rng(1).integers(0, 12, (240, 320, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, quality=95)
