"""Time our split and measure how even it is, beside iterative-stratification and a random split.

python scripts/benchmarks/split_speed.py            # needs pip install iterative-stratification

The data are generated: 80 classes with a long tail, 7.27 boxes an image as in COCO 2017, one image
in a hundred without boxes. iterative-stratification splits in two, so it runs twice (test first,
then val), on the matrix of classes by image; it knows no groups and no empty images. Times are the
best of --repeat runs, everything else is the worst of as many seeds.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import numpy.typing as npt

from train_teacher.splits.split import LabelledImages, split_images

SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}
BOXES_AN_IMAGE = 7.27
EMPTY_SHARE = 0.01
Split = Mapping[str, npt.NDArray[np.int64]]
Method = Callable[[LabelledImages, int], Split]


@dataclass(frozen=True)
class Quality:
    """Deviation of a split from the wanted shares; smaller is better."""

    images: float
    """Largest deviation of a class's images in a split, relative to its share."""
    boxes: float
    """The same of its boxes."""
    empty: float
    """The same of the images without boxes."""
    missing: int
    """Pairs of class and split without a single image."""
    crossing: int
    """Groups with images in several splits."""


def generate(images: int, classes: int, per_group: int, seed: int = 0) -> LabelledImages:
    """Return a data set in which an image shows mostly one class and a group mostly a few."""
    random = np.random.default_rng(seed)
    odds = 1 / np.arange(1, classes + 1) ** 1.1
    odds /= odds.sum()
    counts = random.poisson(BOXES_AN_IMAGE, images)
    counts[random.random(images) < EMPTY_SHARE] = 0
    rows = np.repeat(np.arange(images), counts)
    groups = np.arange(images) // per_group
    of_group = random.choice(classes, groups[-1] + 1, p=odds)
    drawn = random.choice(classes, len(rows), p=odds)
    mostly = random.random(len(rows)) < 0.5
    return LabelledImages(
        file_names=[f"{number:012d}.jpg" for number in range(images)],
        groups=groups,
        image_rows=rows,
        classes=np.where(mostly, of_group[groups[rows]], drawn),
        class_names=[f"class {number}" for number in range(classes)],
    )


def ours(data: LabelledImages, seed: int) -> Split:
    """Split as train-teacher does."""
    return split_images(data, SHARES, seed)


def at_random(data: LabelledImages, seed: int) -> Split:
    """Split at random."""
    order = np.random.default_rng(seed).permutation(len(data.file_names))
    ends = np.cumsum([round(share * len(order)) for share in SHARES.values()])
    return dict(zip(SHARES, np.split(order, ends[:-1]), strict=True))


def iterative_stratification(data: LabelledImages, seed: int) -> Split:
    """Split twice in two with MultilabelStratifiedShuffleSplit."""
    from iterstrat.ml_stratifiers import MultilabelStratifiedShuffleSplit

    shown = presence(data).astype(np.int64)

    def in_two(rows: npt.NDArray[np.int64], share: float) -> tuple[npt.NDArray[np.int64], ...]:
        splitter = MultilabelStratifiedShuffleSplit(1, test_size=share, random_state=seed)
        kept, taken = next(splitter.split(rows, shown[rows]))
        return rows[kept], rows[taken]

    rest, test = in_two(np.arange(len(shown)), SHARES["test"])
    train, val = in_two(rest, SHARES["val"] / (1 - SHARES["test"]))
    return {"train": train, "val": val, "test": test}


def presence(data: LabelledImages) -> npt.NDArray[np.bool_]:
    """Return (M, C) which images show which classes."""
    shown = np.zeros((len(data.file_names), len(data.class_names)), np.bool_)
    shown[data.image_rows, data.classes] = True
    return shown


def measure(data: LabelledImages, split: Split) -> Quality:
    """Compare a split with the shares."""
    shown = presence(data)
    totals = shown.sum(axis=0)
    there = totals > 0
    all_boxes = np.bincount(data.classes, minlength=len(totals))
    empty = ~shown.any(axis=1)
    images, boxes, no_boxes, missing = [0.0], [0.0], [0.0], 0
    place = np.zeros(len(shown), np.int64)
    for number, (name, rows) in enumerate(split.items()):
        place[rows] = number
        inside = place[data.image_rows] == number
        inside &= np.isin(data.image_rows, rows)
        here = shown[rows].sum(axis=0)
        boxes_here = np.bincount(data.classes[inside], minlength=len(totals))
        images += np.abs(here / totals.clip(1) / SHARES[name] - 1)[there].tolist()
        boxes += np.abs(boxes_here / all_boxes.clip(1) / SHARES[name] - 1)[there].tolist()
        no_boxes.append(abs(empty[rows].sum() / empty.sum() / SHARES[name] - 1))
        missing += int((here[there] == 0).sum())
    pairs = np.unique(np.stack([data.groups, place], axis=1), axis=0)
    crossing = int((np.bincount(pairs[:, 0]) > 1).sum())
    return Quality(max(images), max(boxes), max(no_boxes), missing, crossing)


def main() -> None:
    """Print one Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--images", type=int, nargs="+", default=[1_000, 10_752, 118_287])
    parser.add_argument("--classes", type=int, default=80)
    arguments = parser.parse_args()
    methods: dict[str, Method] = {
        "train-teacher": ours,
        "iterative-stratification": iterative_stratification,
        "random": at_random,
    }
    print(f"Python {platform.python_version()}, numpy {np.__version__}, {_version()}\n")
    print(
        "| images | groups of | method | s | images off | boxes off | empty off | missing | torn |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for images in arguments.images:
        for per_group in (1, 20):
            data = generate(images, arguments.classes, per_group)
            for name, method in methods.items():
                row = _row(data, method, arguments.repeat)
                print(f"| {images:,} | {per_group} | {name} | {row} |", flush=True)


def _row(data: LabelledImages, method: Method, repeat: int) -> str:
    seconds, found = [], []
    for seed in range(repeat):
        started = time.perf_counter()
        split = method(data, seed)
        seconds.append(time.perf_counter() - started)
        found.append(measure(data, split))
    cells = [f"{min(seconds):.2f}"]
    cells += [f"{max(getattr(q, key) for q in found):.1%}" for key in ("images", "boxes", "empty")]
    cells += [f"{max(getattr(q, key) for q in found):,}" for key in ("missing", "crossing")]
    return " | ".join(cells)


def _version() -> str:
    try:
        return f"iterative-stratification {version('iterative-stratification')}"
    except PackageNotFoundError:
        raise SystemExit("pip install iterative-stratification, then run this again") from None


if __name__ == "__main__":
    main()
