"""Write a small COCO data set of generated images: colored shapes on noisy backgrounds.

    python scripts/make_demo_data.py OUT [--images 160] [--seed 0]

OUT/annotations.json holds boxes and polygons of the named classes, OUT/images/ the JPEG files.
The images are the same for the same seed.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

Point = tuple[float, float]
Drawing = tuple[Image.Image, list[tuple[int, list[Point]]]]
"""An image and, for each object, its class index and outline in pixels."""

DEMO_CLASSES = ("orange star", "purple ring", "white cross", "cyan diamond", "pink heart")
COLOURS = {
    "red": (215, 45, 40),
    "green": (50, 165, 65),
    "blue": (45, 85, 215),
    "yellow": (235, 210, 50),
    "orange": (240, 135, 35),
    "purple": (140, 60, 180),
    "white": (240, 240, 240),
    "cyan": (60, 205, 215),
    "pink": (245, 130, 180),
}
EMPTY_SHARE = 0.06
MAX_OBJECTS = 4
MAX_OVERLAP = 0.1
RING_STROKE = 1 / 3
"""Width of a ring's stroke, as a share of its radius; half of it lies outside the outline."""


def outline(shape: str, turn: float) -> list[Point]:
    """Return a shape's outline inside the unit circle.

    Args:
        shape: `circle`, `square`, `triangle`, `star`, `ring`, `cross`, `diamond` or `heart`.
        turn: rotation in radians.

    Returns:
        Corner points (x, y).
    """
    if shape in ("circle", "ring"):
        corners = [(math.cos(a), math.sin(a)) for a in np.linspace(0, 2 * math.pi, 24)[:-1]]
    elif shape == "star":
        radii = [1.0, 0.42] * 5
        corners = [
            (r * math.sin(i * math.pi / 5), -r * math.cos(i * math.pi / 5))
            for i, r in enumerate(radii)
        ]
    elif shape == "cross":
        a, b = 0.95, 0.3
        corners = [(-b, -a), (b, -a), (b, -b), (a, -b), (a, b), (b, b)]
        corners += [(-x, -y) for x, y in corners]
    elif shape == "heart":
        corners = [
            (math.sin(t) ** 3, -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t)) / 16)
            for t in np.linspace(0, 2 * math.pi, 24)[:-1]
        ]
    else:
        corners = {
            "square": [(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)],
            "triangle": [(0, -1), (0.87, 0.6), (-0.87, 0.6)],
            "diamond": [(0, -1), (0.6, 0), (0, 1), (-0.6, 0)],
        }[shape]
    cos, sin = math.cos(turn), math.sin(turn)
    return [(x * cos - y * sin, x * sin + y * cos) for x, y in corners]


def background(rng: random.Random, width: int, height: int) -> Image.Image:
    """Return a soft gradient with stripes and noise, so that edges alone mean nothing."""
    noise = np.random.default_rng(rng.getrandbits(32))
    corners = noise.integers(40, 150, size=(2, 2, 3)).astype(np.float32)
    small = Image.fromarray(corners.astype(np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    pixels = np.asarray(small, dtype=np.float32)
    wave = np.sin(np.arange(width) * noise.uniform(0.05, 0.5) + noise.uniform(0, 6))
    pixels = pixels + 8 * wave[None, :, None] + noise.normal(0, 9, size=(height, width, 1))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _overlaps(box: Sequence[float], others: Sequence[Sequence[float]]) -> bool:
    x, y, w, h = box
    for ox, oy, ow, oh in others:
        inside = max(0.0, min(x + w, ox + ow) - max(x, ox)) * max(
            0.0, min(y + h, oy + oh) - max(y, oy)
        )
        if inside > MAX_OVERLAP * min(w * h, ow * oh):
            return True
    return False


def _shade(rng: random.Random, colour: str) -> tuple[int, int, int]:
    red, green, blue = (
        max(0, min(255, channel + rng.randint(-18, 18))) for channel in COLOURS[colour]
    )
    return red, green, blue


def draw_image(rng: random.Random, classes: Sequence[str]) -> Drawing:
    """Draw one image.

    Args:
        rng: source of every choice.
        classes: `colour shape` names to choose from.

    Returns:
        The image and, for each object, its class index and outline in pixels.
    """
    width, height = rng.choice([(160, 160), (176, 160), (160, 176), (200, 160)])
    image = background(rng, width, height)
    draw = ImageDraw.Draw(image)
    objects: list[tuple[int, list[Point]]] = []
    boxes: list[Sequence[float]] = []
    wanted = 0 if rng.random() < EMPTY_SHARE else rng.randint(1, MAX_OBJECTS)
    for _ in range(wanted * 4):
        if len(objects) == wanted:
            break
        index = rng.randrange(len(classes))
        colour, shape = classes[index].split()
        radius = rng.uniform(13, 32)
        turn = rng.uniform(-0.5, 0.5)
        cx = rng.uniform(radius, width - radius)
        cy = rng.uniform(radius, height - radius)
        points = [(cx + radius * x, cy + radius * y) for x, y in outline(shape, turn)]
        box = bounding_box(points)
        if _overlaps(box, boxes):
            continue
        if shape == "ring":
            stroke = round(radius * RING_STROKE)
            draw.line([*points, *points[:2]], fill=_shade(rng, colour), width=stroke)
            points = _outer_edge(points, (cx, cy), 1 + stroke / (2 * radius), image.size)
        else:
            draw.polygon(points, fill=_shade(rng, colour))
        objects.append((index, points))
        boxes.append(box)
    return image, objects


def _outer_edge(
    points: Sequence[Point], centre: Point, factor: float, size: tuple[int, int]
) -> list[Point]:
    """Return an outline enlarged around its center, as far as the image reaches."""
    middle = np.array(centre)
    enlarged = middle + factor * (np.array(points) - middle)
    return [(float(x), float(y)) for x, y in np.clip(enlarged, 0, size)]


def bounding_box(points: Sequence[Point]) -> list[float]:
    """Return the xywh box of an outline, pixels, two decimals."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    values = (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
    return [round(value, 2) for value in values]


def polygon_area(points: Sequence[Point]) -> float:
    """Return the area of an outline by the shoelace formula, square pixels."""
    following = [*points[1:], points[0]]
    twice = sum(x * y2 - x2 * y for (x, y), (x2, y2) in zip(points, following, strict=True))
    return round(abs(twice) / 2, 2)


def write_dataset(folder: Path, images: int, seed: int, classes: Sequence[str]) -> Path:
    """Write the data set.

    Args:
        folder: created.
        images: number of images.
        seed: of every choice.
        classes: `colour shape` names.

    Returns:
        The path of annotations.json.
    """
    rng = random.Random(seed)
    return write_drawings(folder, (draw_image(rng, classes) for _ in range(images)), classes)


def write_drawings(folder: Path, drawings: Iterable[Drawing], classes: Sequence[str]) -> Path:
    """Write images with their objects as a data set; return the path of annotations.json."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    records: dict[str, list[dict[str, Any]]] = {"images": [], "annotations": []}
    for number, (image, objects) in enumerate(drawings, 1):
        name = f"image_{number:04d}.jpg"
        image.save(folder / "images" / name, quality=88)
        records["images"].append(
            {"id": number, "file_name": name, "width": image.width, "height": image.height}
        )
        for index, points in objects:
            flat = [round(value, 2) for point in points for value in point]
            records["annotations"].append(
                {
                    "id": len(records["annotations"]) + 1,
                    "image_id": number,
                    "category_id": index + 1,
                    "bbox": bounding_box(points),
                    "area": polygon_area(points),
                    "segmentation": [flat],
                    "iscrowd": 0,
                }
            )
    categories = [{"id": i, "name": name} for i, name in enumerate(classes, 1)]
    content = {
        "info": {"description": "generated shapes", "version": "1.0"},
        **records,
        "categories": categories,
    }
    path = folder / "annotations.json"
    path.write_text(json.dumps(content))
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=160)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(write_dataset(arguments.folder, arguments.images, arguments.seed, DEMO_CLASSES))
