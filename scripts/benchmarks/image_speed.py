"""Time what inspect-data does to every image beside Pillow reading the same facts.

python scripts/benchmarks/image_speed.py --images 2000

The images are JPEGs of 640 x 480 pixels, just written (warm cache). One process, one core; the
best of --repeat runs.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 640, 480


def make_set(folder: Path, count: int) -> Path:
    """Write images of noise and their COCO JSON; return the JSON."""
    noise = np.random.default_rng(0)
    images = []
    for number in range(count):
        small = noise.integers(0, 255, (60, 80, 3), dtype=np.uint8)
        image = Image.fromarray(small).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        name = f"{number:06d}.jpg"
        image.save(folder / name, quality=90)
        images.append({"id": number + 1, "file_name": name, "width": WIDTH, "height": HEIGHT})
    path = folder / "data.json"
    content = {"images": images, "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def ours(path: Path) -> Callable[[], object]:
    """Return the header pass, the comparison of contents and the checks of images."""
    from train_teacher.coco.reader import read_coco
    from train_teacher.images.equal_files import compare_contents
    from train_teacher.images.files import check_image_files
    from train_teacher.inspection.checks.images.duplicate_image_checks import check_duplicates
    from train_teacher.inspection.checks.images.image_checks import check_contents
    from train_teacher.inspection.describe import look_at
    from train_teacher.inspection.load import InspectRequest, LoadedSplit

    dataset = read_coco(path)

    def run() -> object:
        files = check_image_files(dataset, path.parent)
        (files,) = compare_contents([(dataset, files)])
        data = look_at([LoadedSplit("train", dataset, files)], InspectRequest(path))
        return check_contents(data.train), check_duplicates(data)

    return run


def pillow(path: Path) -> Callable[[], object]:
    """Return size, mode and EXIF orientation by Pillow, without any check."""
    names = [image["file_name"] for image in json.loads(path.read_text())["images"]]

    def run() -> object:
        facts = []
        for name in names:
            with Image.open(path.parent / name) as image:
                facts.append((image.size, image.mode, image.getexif().get(0x0112)))
        return facts

    return run


def main() -> None:
    """Print microseconds an image."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = make_set(Path(folder), arguments.images)
        for name, run in (("inspect-data", ours(path)), ("Pillow", pillow(path))):
            best = min(_seconds(run) for _ in range(arguments.repeat))
            print(f"{name}: {best / arguments.images * 1e6:.0f} microseconds an image")


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
