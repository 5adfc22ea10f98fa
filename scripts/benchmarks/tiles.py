"""Small objects in large scenes, with and without tiles: average precision, time and memory.

    python scripts/benchmarks/tiles.py WORK [--train 2] [--val 1] [--test 2] [--steps 40]

Scenes of 4000 x 3000 pixels with 30 shapes of 12 to 20 pixels each. The demo model is trained on
tiles of 320 pixels and, as long, on whole images; both, and the base, are scored on the test scenes
as they are and in tiles, each by its own `teacher evaluate`. A few minutes of one core.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from PIL import ImageDraw

from make_demo_data import COLOURS, background, bounding_box, outline, polygon_area

CLASSES = ("red circle", "blue square", "green triangle")
SIZE, OBJECTS, SIDES = (4000, 3000), 30, (12, 20)
TILE = 320
PRESET = """\
extends: demo
evaluate_before: false
val_interval: 1000
train_scales: [[{0}, {1}]]
val_scale: [{0}, {1}]
"""


def write_scenes(
    folder: Path,
    images: int,
    seed: int,
    size: tuple[int, int] = SIZE,
    objects: int = OBJECTS,
    sides: tuple[int, int] = SIDES,
) -> Path:
    """Write scenes with shapes that are small in them, and return the JSON.

    Args:
        folder: made when missing.
        images: how many.
        seed: of every choice.
        size: width and height in pixels.
        objects: in each scene.
        sides: pixels of the smallest and largest shape.
    """
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    records: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    for number in range(1, images + 1):
        image = background(rng, *size)
        pen = ImageDraw.Draw(image)
        taken: list[Sequence[float]] = []
        while len(taken) < objects:
            category = rng.randrange(len(CLASSES))
            colour, shape = CLASSES[category].split()
            radius = rng.uniform(*sides) / 2
            x, y = (rng.uniform(radius, side - radius) for side in size)
            turn = rng.uniform(-0.2, 0.2)
            points = [(x + radius * px, y + radius * py) for px, py in outline(shape, turn)]
            left, top, width, height = box = bounding_box(points)
            far = (2 * max(sides) < max(abs(left - o[0]), abs(top - o[1])) for o in taken)
            if not all(far):
                continue
            pen.polygon(points, fill=COLOURS[colour])
            taken.append(box)
            labels.append(
                {
                    "id": len(labels) + 1,
                    "image_id": number,
                    "category_id": category + 1,
                    "bbox": [left, top, width, height],
                    "area": polygon_area(points),
                    "iscrowd": 0,
                }
            )
        name = f"scene_{seed}_{number:02d}.jpg"
        image.save(folder / name, quality=92)
        records.append({"id": number, "file_name": name, "width": size[0], "height": size[1]})
    categories = [{"id": n, "name": name} for n, name in enumerate(CLASSES, 1)]
    path = folder / "annotations.json"
    path.write_text(
        json.dumps({"images": records, "annotations": labels, "categories": categories})
    )
    return path


def run(*command: object) -> tuple[str, float]:
    """Return what a command printed and the seconds that it took."""
    started = time.monotonic()
    bin_folder = Path(sys.executable).parent
    result = subprocess.run(
        [str(bin_folder / str(command[0])), *map(str, command[1:])],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return result.stdout, time.monotonic() - started


def main() -> None:
    """Write scenes, train, score, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    for name, number in (("train", 2), ("val", 1), ("test", 2), ("steps", 40)):
        parser.add_argument(f"--{name}", type=int, default=number)
    given = parser.parse_args()
    work: Path = given.work
    sets = {
        name: write_scenes(work / name, getattr(given, name), seed)
        for seed, name in enumerate(("train", "val", "test"))
    }
    presets = {"tiles": (TILE, TILE), "whole": (800, 1333)}
    for name, scale in presets.items():
        (work / f"{name}.yaml").write_text(PRESET.format(*scale))
        tile = ("--tile", TILE) if name == "tiles" else ()
        _, seconds = run(
            "train-teacher", "--data", sets["train"], "--val", sets["val"], "--output",
            work / f"run-{name}", "--model", work / f"{name}.yaml", "--device", "cpu",
            "--steps", given.steps, "--batch-size", 8 if tile else 1, *tile,
        )  # fmt: skip
        print(f"trained on {name}: {seconds:.0f} s", flush=True)
    base = ("--model", work / "tiles.yaml")
    cases = {
        "base, whole images at 800 x 1333": ("--model", work / "whole.yaml"),
        f"base, tiles of {TILE}": (*base, "--tile", TILE),
        "trained on whole images, 800 x 1333": (work / "run-whole",),
        f"trained on tiles of {TILE}, looks at whole images": (work / "run-tiles", "--tile", 0),
        f"trained on tiles of {TILE}, looks at tiles": (work / "run-tiles",),
    }
    print("| | AP | AP50 | s an image | peak MB |\n| --- | --- | --- | --- | --- |")
    for name, options in cases.items():
        # In a process of its own, so that the peak is that of this evaluation.
        text = subprocess.run(
            [sys.executable, __file__, "--one", *map(str, options), "--data", str(sets["test"])],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        found = json.loads(text)
        scores = found["scores"]
        print(
            f"| {name} | {scores['average_precision']:.3f} | {scores['average_precision_50']:.3f} "
            f"| {found['seconds'] / given.test:.0f} | {found['peak']:.0f} |",
            flush=True,
        )


def evaluate_alone(options: Sequence[str]) -> None:
    """Print the JSON of `teacher evaluate` with the most memory that it took, in MB."""
    text, _ = run("teacher", "evaluate", *options, "--device", "cpu", "--format", "json")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(json.dumps({**json.loads(text), "peak": peak}))


if __name__ == "__main__":
    if "--one" in sys.argv:
        evaluate_alone(sys.argv[sys.argv.index("--one") + 1 :])
    else:
        main()
