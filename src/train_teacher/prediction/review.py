"""Review page for predicted labels: classes, scores, and sample images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from train_teacher.core.arrays import Boxes, Flags, Floats, Rows
from train_teacher.core.words import plural
from train_teacher.images.thumbnails import with_boxes
from train_teacher.inspection.page.gallery import choose_images
from train_teacher.pages.charts import Histogram, bar_chart
from train_teacher.pages.page import render_page
from train_teacher.pages.parts import Figure, Image, Table
from train_teacher.prediction.other_formats import Labelled
from train_teacher.prediction.prediction_file import PredictedImage

NEAR = 0.1
"""Distance above the threshold within which boxes would be lost by a higher one."""
SHOWN_IMAGES = 8
SHOWN_CLASSES = 200
CLASS_FIGURES = 5
BINS = 20
NO_BOXES = np.zeros((0, 4))


def review_of(output: Path) -> Path:
    """Return the path of the page for a file of predicted labels."""
    return output.with_name(f"{output.stem}.review.html")


def render_review(title: str, labelled: Labelled, thresholds: Floats) -> str:
    """Return the page for a file of predicted labels.

    Args:
        title: name of the file.
        labelled: what is in it, and the unreadable images.
        thresholds: (C,) least score of each class.
    """
    found = [image for image in labelled.images if image.scores]
    scores = np.array([score for image in found for score in image.scores])
    labels = np.array([label for image in found for label in image.labels], np.int64)
    rows = np.repeat(np.arange(len(found)), [len(image.scores) for image in found])
    near = scores < thresholds[labels] + NEAR
    least_sure = dict.fromkeys(rows[np.argsort(scores, kind="stable")].tolist())
    empty = [image for image in labelled.images if not image.scores and not image.unreadable]
    step = max(1, len(empty) // SHOWN_IMAGES)
    return render_page(
        "prediction/review.html.j2",
        title=title,
        labelled=labelled,
        boxes=len(scores),
        empty=len(empty),
        unreadable=len(labelled.images) - len(found) - len(empty),
        near=int(near.sum()),
        least=sorted({*thresholds.tolist()}),
        margin=NEAR,
        classes=_classes(labelled.names, scores, labels, rows, near),
        hidden_classes=len(labelled.names) - SHOWN_CLASSES,
        figures=list(_figures(labelled.names, thresholds, scores, labels)),
        parts_shown=(
            ("Least sure", _drawn(labelled, [found[row] for row in least_sure][:SHOWN_IMAGES])),
            ("All classes and sizes", _drawn(labelled, _spread(found, labels, rows))),
            ("Nothing found", _drawn(labelled, empty[::step][:SHOWN_IMAGES])),
        ),
    )


def _classes(names: Sequence[str], scores: Floats, labels: Rows, rows: Rows, near: Flags) -> Table:
    table = []
    for label, name in enumerate(names[:SHOWN_CLASSES]):
        own = labels == label
        middle = f"{np.median(scores[own]):.2f}" if own.any() else "-"
        images = len(set(rows[own].tolist()))
        table.append((name, f"{own.sum():,}", f"{images:,}", middle, f"{near[own].sum():,}"))
    return Table(("class", "boxes", "images", "median score", "close to the threshold"), table)


def _figures(
    names: Sequence[str], thresholds: Floats, scores: Floats, labels: Rows
) -> Iterator[Figure]:
    if len(scores) and len(names) > 1 and len({*thresholds.tolist()}) == 1:
        yield _histogram("All classes", scores, thresholds[0])
    counts = np.bincount(labels, minlength=len(names))
    for label in np.argsort(-counts, kind="stable")[:CLASS_FIGURES].tolist():
        if counts[label]:
            yield _histogram(names[label], scores[labels == label], thresholds[label])


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


def _spread(found: Sequence[PredictedImage], labels: Rows, rows: Rows) -> list[PredictedImage]:
    """Return images of all classes and sizes."""
    boxes = np.array([box for image in found for box in image.boxes]).reshape(-1, 4)
    sides = np.sqrt(boxes[:, 2] * boxes[:, 3])
    return [found[shown.row] for shown in choose_images(rows, labels, sides, SHOWN_IMAGES)]


def _drawn(labelled: Labelled, images: Sequence[PredictedImage]) -> list[Image]:
    drawn = []
    for image in images:
        boxes: Boxes = np.array(image.boxes, np.float64).reshape(-1, 4)
        path, texts = labelled.root / image.name, image.texts(labelled.names)
        source = with_boxes(path, NO_BOXES, (), boxes, texts, turned=labelled.turned)
        if source:
            least = f", the least sure {min(image.scores):.2f}" if image.scores else ""
            told = f"{plural(len(boxes), 'box', 'boxes')}{least}"
            drawn.append(Image(source, image.name, told))
    return drawn
