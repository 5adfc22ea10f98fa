"""The recipe and the way of tuning that win with 5 and 10 boxes a class, on generated images.

    python scripts/benchmarks/few_shot.py WORK [--only fewshot] [--cells 8] [--table]

Five classes the demo base has never seen, in a near domain (its own kind of drawings) and a far
one (other colors, other textures). For each a training and a validation set with exactly so many
boxes a class, in three seeds, and a test set of 120 images that no choice rests on. Every run is
scored once, at its end: mAP on the test set with a 95 % interval (its images resampled), and mAP
on other classes that the base knew. A run leaves WORK/results/NAME.json; what is there is not
trained again, so that it can be stopped at any time. Seed 0 of everything comes first.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from make_demo_data import DEMO_CLASSES, Drawing, draw_image, write_dataset, write_drawings
from train_teacher.evaluation.base_model import BaseRequest, build_base, read_for_base
from train_teacher.evaluation.labelled_images import (
    LabelledImages,
    detections_of,
    read_labelled,
    scores_of,
)
from train_teacher.scores.bootstrap import TAILS, draws, resampled_scores
from train_teacher.scores.validation_files import canonical_truth
from train_teacher.teachers.model import TeacherModel
from train_teacher.teachers.open import TeacherRequest, open_teacher

DOMAINS, SHOTS, SEEDS = ("near", "far"), (5, 10), (0, 1, 2)
FAR_CLASSES = tuple(f"striped {name.split()[1]}" for name in DEMO_CLASSES)
KNOWN = ("red circle", "green triangle", "blue square", "yellow circle")
"""Classes of the base, for what is forgotten."""
TEST_IMAGES, KNOWN_IMAGES = 120, 40
BASE = "base, zero-shot"
VARIANTS = {
    "official, frozen": ("--tune", "frozen"),
    "fewshot": ("--recipe", "fewshot"),
    "official, lora": ("--tune", "lora"),
    "official, full": ("--tune", "full"),
}
"""`frozen` is the official recipe's own way of tuning."""
SAME = "extends: demo\nbatch_size: 4\nevaluate_before: false\npreflight: false\n"
LENGTH = {"fewshot": "epochs: 40\n"}
USUAL_LENGTH = "steps: 120\nepochs: null\n"
"""A third of what the official recipe gives a small set (400 steps), and 40 of the 100 epochs of
`fewshot`: what two shared CPU cores can do. With 5 boxes a class both are the same length."""


@dataclass(frozen=True)
class Cell:
    """One run."""

    seed: int
    domain: str
    shots: int
    variant: str
    negatives: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the name of its files."""
        ending = "-negatives" if self.negatives else ""
        return f"{self.domain}-{self.shots}-{self.variant.replace(', ', '-')}-{self.seed}{ending}"


def in_far_style(drawing: Drawing) -> Drawing:
    """Return a drawing in colors and textures that the base has not seen.

    Channels change places and are inverted, the background becomes a chequered bright one, and the
    objects are striped.
    """
    image, objects = drawing
    pixels = 255 - np.asarray(image)[..., [2, 0, 1]].astype(np.int16)
    rows, columns = np.indices(pixels.shape[:2])
    inside = Image.new("1", image.size)
    for _, points in objects:
        ImageDraw.Draw(inside).polygon(points, fill=1)
    chequers = np.where((rows // 9 + columns // 9) % 2, 45, -45)
    stripes = np.where((rows + columns) // 4 % 2, 110, -40)
    pixels += np.where(np.asarray(inside), stripes, chequers)[..., None]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)), objects


def drawings(domain: str, rng: random.Random) -> Iterator[Drawing]:
    """Yield drawings of a domain without end."""
    while True:
        drawing = draw_image(rng, DEMO_CLASSES)
        yield drawing if domain == "near" else in_far_style(drawing)


def with_boxes(found: Iterator[Drawing], boxes: int) -> Iterator[Drawing]:
    """Yield drawings until each class has exactly so many boxes; nothing in them is unlabeled."""
    left = Counter(dict.fromkeys(range(len(DEMO_CLASSES)), boxes))
    while +left:
        drawing = next(found)
        counts = Counter(index for index, _ in drawing[1])
        if counts and counts <= left:
            left -= counts
            yield drawing


def make_data(work: Path, domain: str, shots: int, seed: int) -> tuple[Path, Path]:
    """Write the training and the validation set of a cell, once."""
    names = DEMO_CLASSES if domain == "near" else FAR_CLASSES
    paths = []
    for number, split in enumerate(("train", "val")):
        folder = work / "data" / f"{domain}-{shots}-{seed}" / split
        if not (folder / "annotations.json").exists():
            rng = random.Random(f"{shots} {seed} {number}")
            write_drawings(folder, with_boxes(drawings(domain, rng), shots), names)
        paths.append(folder / "annotations.json")
    return paths[0], paths[1]


@cache
def test_set(work: Path, domain: str) -> LabelledImages:
    """Return the test set of a domain, or of what the base knew; written once."""
    folder = work / "data" / f"test-{domain}"
    path = folder / "annotations.json"
    if not path.exists() and domain == "known":
        write_dataset(folder, KNOWN_IMAGES, 99, KNOWN)
    elif not path.exists():
        found, names = drawings(domain, random.Random(98)), DEMO_CLASSES
        few = (next(found) for _ in range(TEST_IMAGES))
        write_drawings(folder, few, names if domain == "near" else FAR_CLASSES)
    return read_labelled(path, None)


def measure(model: TeacherModel, work: Path, domain: str) -> dict[str, Any]:
    """Score a detector on the test set, with an interval, and on what the base knew."""
    data, known = test_set(work, domain), test_set(work, "known")
    found = detections_of(model, data, data.phrases)
    truth = canonical_truth(data.content)
    low, high = np.quantile(
        resampled_scores(found, truth, draws(len(truth.image_ids))), TAILS
    ).tolist()
    kept = scores_of(known, detections_of(model, known, known.phrases))
    return {
        "map": scores_of(data, found).average_precision,
        "low": low,
        "high": high,
        "known": kept.average_precision,
    }


def train(work: Path, cell: Cell) -> dict[str, Any]:
    """Train a cell and score it."""
    data, val = make_data(work, cell.domain, cell.shots, cell.seed)
    run, settings = work / "runs" / cell.name, work / "settings" / f"{cell.name}.yaml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    negatives = f"negatives: {json.dumps(cell.negatives)}\n" if cell.negatives else ""
    settings.write_text(SAME + LENGTH.get(cell.variant, USUAL_LENGTH) + negatives)
    command = ["train-teacher", "--data", data, "--val", val, "--config", settings]
    command += ["--output", run, "--device", "cpu", "--seed", cell.seed, *VARIANTS[cell.variant]]
    before = os.times()
    log = settings.with_suffix(".log")
    with log.open("w") as told:
        subprocess.run([str(part) for part in command], check=True, stdout=told, stderr=told)
    after = os.times()
    seconds = after.children_user + after.children_system
    seconds -= before.children_user + before.children_system
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    scored = measure(open_teacher(TeacherRequest(run, device="cpu")).model, work, cell.domain)
    return {
        **scored,
        "seconds": round(seconds),
        "steps": max(line["step"] for line in lines if line["kind"] == "train"),
    }


def zero_shot(work: Path, domain: str) -> dict[str, Any]:
    """Score the base itself."""
    base = read_for_base(BaseRequest(Path(test_set(work, domain).path), model="demo"))
    return {**measure(build_base(base, "cpu")[0], work, domain), "seconds": 0, "steps": 0}


def cells() -> list[Cell]:
    """Return all runs, in the order in which they are made."""
    order = product(SEEDS, VARIANTS, SHOTS, DOMAINS)
    return [Cell(seed, domain, shots, variant) for seed, variant, shots, domain in order]


def run_all(work: Path, only: Sequence[str], most: int) -> None:
    """Train what has no result yet."""
    results = work / "results"
    results.mkdir(parents=True, exist_ok=True)
    for domain in DOMAINS:
        path = results / f"{domain}-base.json"
        if not path.exists():
            path.write_text(json.dumps(zero_shot(work, domain)))
    left = [cell for cell in cells() if not only or cell.variant in only]
    for cell in [c for c in left if not (results / f"{c.name}.json").exists()][:most]:
        print(cell.name, trained(work, cell), flush=True)


def trained(work: Path, cell: Cell) -> dict[str, Any]:
    """Return the scores of a cell, which is trained if it has none."""
    path = work / "results" / f"{cell.name}.json"
    if not path.exists():
        found = train(work, cell)
        path.with_suffix(".part").write_text(json.dumps(found))
        path.with_suffix(".part").replace(path)
    scores: dict[str, Any] = json.loads(path.read_text())
    return scores


def table(work: Path) -> str:
    """Return what is there as markdown: means over the seeds, the interval of the first."""
    head = "| domain | boxes a class | | by seed | test mAP | 95 % of seed 0 | gain | other classes"
    lines = [f"{head} | steps | CPU s |", "|---" * 10 + "|"]
    for domain in DOMAINS:
        base = json.loads((work / "results" / f"{domain}-base.json").read_text())
        lines.append(_row(domain, "-", BASE, [base], base))
        for shots, variant in product(SHOTS, VARIANTS):
            paths = [
                work / "results" / f"{Cell(s, domain, shots, variant).name}.json" for s in SEEDS
            ]
            found = [json.loads(path.read_text()) for path in paths if path.exists()]
            if found:
                lines.append(_row(domain, str(shots), variant, found, base))
    return "\n".join(lines)


def _row(
    domain: str, shots: str, variant: str, found: Sequence[dict[str, Any]], base: dict[str, Any]
) -> str:
    mean = {key: float(np.mean([one[key] for one in found])) for key in found[0]}
    spread = " ".join(f"{one['map']:.3f}" for one in found)
    return (
        f"| {domain} | {shots} | {variant} | {spread} | {mean['map']:.3f} "
        f"| {found[0]['low']:.3f} to {found[0]['high']:.3f} | {mean['map'] - base['map']:+.3f} "
        f"| {mean['known']:.3f} | {mean['steps']:.0f} | {mean['seconds']:.0f} |"
    )


def main() -> None:
    """Train what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path, help="folder for images, runs and results")
    parser.add_argument("--only", action="append", default=[], choices=VARIANTS, help="variant")
    parser.add_argument("--cells", type=int, default=len(cells()), help="runs to make at most")
    parser.add_argument("--table", action="store_true", help="print what is there, train nothing")
    options = parser.parse_args()
    if not options.table:
        run_all(options.work, options.only, options.cells)
    print(table(options.work))


if __name__ == "__main__":
    main()
