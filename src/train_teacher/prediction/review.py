"""Review page for predicted labels: classes, scores, and sample images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from train_teacher.core.arrays import Boxes, Floats, Rows
from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.words import plural
from train_teacher.images.thumbnails import with_boxes
from train_teacher.inspection.page.gallery import LabelledBoxes, choose_images
from train_teacher.pages.charts import Histogram, bar_chart
from train_teacher.pages.page import render_page
from train_teacher.pages.parts import Figure, Image, Table
from train_teacher.prediction.prediction_file import PredictedImage

NEAR = 0.1
"""Distance above the threshold within which boxes would be lost by a higher one."""
SHOWN_IMAGES = 8
SHOWN_CLASSES = 200
CLASS_FIGURES = 5
BINS = 20
NO_BOXES = np.zeros((0, 4))


@dataclass(frozen=True)
class Reviewed:
    """The labels of a prediction."""

    title: str
    """File that they are in."""
    teacher: str
    root: Path
    """Folder that the names of the images are relative to."""
    images: Sequence[PredictedImage]
    names: Sequence[str]
    """Of the classes."""
    thresholds: Floats
    """(C,) least score of each class."""
    turned: bool
    """True when boxes are of photos as EXIF turns them."""

    def close(self, scores: Floats, labels: Rows) -> int:
        """Return how many boxes a slightly higher threshold would leave out."""
        return int((scores < self.thresholds[labels] + NEAR).sum())


def review_of(output: Path) -> Path:
    """Return the path of the page for a file of predicted labels."""
    return output.with_name(f"{output.stem}.review.html")


def write_review(path: Path, reviewed: Reviewed) -> None:
    """Write the page.

    Raises:
        UserError: it cannot be written.
    """
    found = [image for image in reviewed.images if image.scores]
    scores = np.array([score for image in found for score in image.scores])
    labels = np.array([label for image in found for label in image.labels], np.int64)
    rows = np.repeat(np.arange(len(found)), [len(image.scores) for image in found])
    html = render_page(
        "prediction/review.html.j2",
        reviewed=reviewed,
        boxes=len(scores),
        empty=sum(not image.unreadable for image in reviewed.images) - len(found),
        unreadable=sum(bool(image.unreadable) for image in reviewed.images),
        near=reviewed.close(scores, labels),
        least=sorted({*reviewed.thresholds.tolist()}),
        margin=NEAR,
        classes=_classes(reviewed, scores, labels, rows),
        hidden_classes=len(reviewed.names) - SHOWN_CLASSES,
        figures=list(_figures(reviewed, scores, labels)),
        parts_shown=(
            ("Least sure", _drawn(reviewed, [found[row] for row in _least_sure(scores, rows)])),
            ("All classes and sizes", _drawn(reviewed, [found[n] for n in _spread(found, labels)])),
            ("Nothing found", _drawn(reviewed, _nothing_found(reviewed.images))),
        ),
    )
    write_atomically(path, html.encode("utf-8", errors="replace"))


def _classes(reviewed: Reviewed, scores: Floats, labels: Rows, rows: Rows) -> Table:
    table = []
    for label, name in enumerate(reviewed.names[:SHOWN_CLASSES]):
        own = labels == label
        near = reviewed.close(scores[own], labels[own])
        middle = f"{np.median(scores[own]):.2f}" if own.any() else "-"
        images = len(set(rows[own].tolist()))
        table.append((name, f"{own.sum():,}", f"{images:,}", middle, f"{near:,}"))
    return Table(("class", "boxes", "images", "median score", "close to the threshold"), table)


def _figures(reviewed: Reviewed, scores: Floats, labels: Rows) -> Iterator[Figure]:
    if not len(scores):
        return
    if len(reviewed.names) > 1 and len({*reviewed.thresholds.tolist()}) == 1:
        yield _histogram("All classes", scores, reviewed.thresholds[0])
    counts = np.bincount(labels, minlength=len(reviewed.names))
    for label in np.argsort(-counts, kind="stable")[:CLASS_FIGURES].tolist():
        if counts[label]:
            own, threshold = scores[labels == label], reviewed.thresholds[label]
            yield _histogram(reviewed.names[label], own, threshold)


def _histogram(title: str, scores: Floats, threshold: float) -> Figure:
    edges = np.linspace(0, 1, BINS + 1)
    counts = np.bincount(np.clip(scores * BINS, 0, BINS - 1).astype(int), minlength=BINS)
    chart = bar_chart(
        f"scores of {title}",
        Histogram(edges, counts),
        [(tick / 5, f"{tick / 5:g}") for tick in range(6)],
        "score",
        lambda n: f"{edges[n]:.2f} to {edges[n + 1]:.2f}: {plural(int(counts[n]), 'box', 'boxes')}",
        band=(threshold, min(threshold + NEAR, 1.0)),
    )
    return Figure(title, chart)


def _least_sure(scores: Floats, rows: Rows) -> list[int]:
    """Return the images with the boxes of the lowest scores."""
    return list(dict.fromkeys(rows[np.argsort(scores, kind="stable")].tolist()))[:SHOWN_IMAGES]


def _spread(found: Sequence[PredictedImage], labels: Rows) -> list[int]:
    """Return images of all classes and sizes."""
    rows = np.repeat(np.arange(len(found)), [len(image.boxes) for image in found])
    boxes = np.array([box for image in found for box in image.boxes]).reshape(-1, 4)
    sides = np.sqrt(boxes[:, 2] * boxes[:, 3])
    return [shown.row for shown in choose_images(LabelledBoxes(rows, labels, sides), SHOWN_IMAGES)]


def _nothing_found(images: Sequence[PredictedImage]) -> list[PredictedImage]:
    empty = [image for image in images if not image.scores and not image.unreadable]
    return empty[:: max(1, len(empty) // SHOWN_IMAGES)][:SHOWN_IMAGES]


def _drawn(reviewed: Reviewed, images: Sequence[PredictedImage]) -> list[Image]:
    drawn = []
    for image in images:
        boxes: Boxes = np.array(image.boxes, np.float64).reshape(-1, 4)
        texts = [
            f"{reviewed.names[label]} {score:.2f}"
            for label, score in zip(image.labels, image.scores, strict=True)
        ]
        path = reviewed.root / image.name
        source = with_boxes(path, NO_BOXES, (), boxes, texts, turned=reviewed.turned)
        if source:
            least = f", the least sure {min(image.scores):.2f}" if image.scores else ""
            told = f"{plural(len(boxes), 'box', 'boxes')}{least}"
            drawn.append(Image(source, image.name, told))
    return drawn
