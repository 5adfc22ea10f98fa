"""Write a COCO JSON of the shape and size of instances_train2017 (no images).

python scripts/benchmarks/make_large_coco.py large.json --images 118287 --annotations 860001
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np

WIDTH, HEIGHT = 640, 480
SHAPES = 9_973
MEAN_POINTS = 23
CROWD_EVERY = 97
CATEGORY_IDS = [number for number in range(1, 91) if number % 9 != 0]
"""80 ids of 90, with gaps, as in the original."""


def make_shapes(seed: int) -> list[tuple[str, str, str]]:
    """Return (polygon, area, bbox) texts of star-shaped outlines inside the image."""
    random_numbers = np.random.default_rng(seed)
    shapes = []
    for _ in range(SHAPES):
        points = int(np.clip(random_numbers.poisson(MEAN_POINTS), 4, 80))
        angles = np.sort(random_numbers.uniform(0, 2 * np.pi, points))
        radius = random_numbers.uniform(8, 110)
        radii = radius * random_numbers.uniform(0.6, 1, points)
        centre = (
            random_numbers.uniform(radius, WIDTH - radius),
            random_numbers.uniform(radius, HEIGHT - radius),
        )
        xy = np.column_stack([np.cos(angles), np.sin(angles)]) * radii[:, None] + centre
        xy = np.round(xy, 2)
        x, y = xy.T
        area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
        low, size = xy.min(axis=0), np.ptp(xy, axis=0)
        numbers = ",".join(f"{value:.2f}" for value in xy.ravel())
        box = ",".join(f"{value:.2f}" for value in (*low, *size))
        shapes.append((f"[[{numbers}]]", f"{area:.13f}", f"[{box}]"))
    return shapes


def images(count: int) -> Iterator[str]:
    """Yield image records with gaps in their ids."""
    for number in range(count):
        name = f"{number * 5 + 9:012d}.jpg"
        yield (
            f'{{"license": 3,"file_name": "{name}",'
            f'"coco_url": "http://images.cocodataset.org/train2017/{name}",'
            f'"height": {HEIGHT},"width": {WIDTH},"date_captured": "2013-11-14 11:18:45",'
            f'"flickr_url": "http://farm9.staticflickr.com/8186/{number:010d}_z.jpg",'
            f'"id": {number * 5 + 9}}}'
        )


def annotations(count: int, num_images: int, seed: int) -> Iterator[str]:
    """Yield annotation records; a share of the images stays empty, some are crowds as RLE."""
    shapes = make_shapes(seed)
    chosen = random.Random(seed)
    labelled = max(1, num_images - num_images // 100)
    for number in range(count):
        polygon, area, box = shapes[number * 7 % SHAPES]
        crowd = int(number % CROWD_EVERY == 0)
        if crowd:
            polygon = f'{{"counts": [100,200,{WIDTH * HEIGHT - 300}],"size": [{HEIGHT},{WIDTH}]}}'
        image = number % labelled * 5 + 9
        category = CATEGORY_IDS[int(len(CATEGORY_IDS) * chosen.random() ** 2)]
        yield (
            f'{{"segmentation": {polygon},"area": {area},"iscrowd": {crowd},'
            f'"image_id": {image},"bbox": {box},"category_id": {category},"id": {number + 1}}}'
        )


def write(path: Path, num_images: int, num_annotations: int, seed: int = 0) -> Path:
    """Write the file and return its path."""
    categories = ",".join(
        f'{{"supercategory": "thing","id": {id_},"name": "{_word(number)}"}}'
        for number, id_ in enumerate(CATEGORY_IDS)
    )
    with path.open("w", encoding="utf-8") as file:
        file.write('{"info": {"description": "COCO 2017 Dataset","year": 2017},"licenses": [],')
        file.write('"images": [')
        _write_list(file, images(num_images))
        file.write('],"annotations": [')
        _write_list(file, annotations(num_annotations, num_images, seed))
        file.write(f'],"categories": [{categories}]}}')
    return path


def _write_list(file: TextIO, records: Iterator[str]) -> None:
    separator = ""
    for record in records:
        file.write(separator + record)
        separator = ","


def _word(number: int) -> str:
    consonants = "bdfgklmnprst"
    return f"{consonants[number % 12]}a{consonants[number // 12]}ot{consonants[number * 5 % 12]}o"


def main() -> None:
    """Write the file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--images", type=int, default=118_287)
    parser.add_argument("--annotations", type=int, default=860_001)
    arguments = parser.parse_args()
    path = write(arguments.output, arguments.images, arguments.annotations)
    print(f"{path}: {path.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
