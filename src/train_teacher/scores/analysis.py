"""Precision, recall, confusions, best and worst images, from the detections of a validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
import numpy.typing as npt

from train_teacher.core.arrays import Floats
from train_teacher.scores.detections import Detections, GroundTruth
from train_teacher.scores.judgement import Judgement, judge

DEFAULT_THRESHOLD = 0.3


class PrecisionRecall(msgspec.Struct, frozen=True):
    """Precision and recall of one class at an overlap of 0.5."""

    name: str
    objects: int
    average_precision: float | None
    """None without objects."""
    recall: float | None
    """Of the objects that any detection found, whatever its score; None without objects."""
    precision_at: tuple[float, ...] = ()
    """Highest precision at a recall of at least 0, 0.01, ..., 1."""
    best_threshold: float | None = None
    """Score above which precision and recall balance best (F1)."""
    best_f1: float | None = None


class Confusion(msgspec.Struct, frozen=True):
    """Number of objects of one class that were taken for another."""

    truth: str
    detected: str
    count: int


class ImageResult(msgspec.Struct, frozen=True):
    """One validation image at the threshold."""

    image_id: int
    found: int
    missed: int
    false: int

    @property
    def quality(self) -> float:
        """F1 of the image; 1 for an empty one without detections."""
        wrong = self.missed + self.false
        return 1.0 if not wrong + self.found else 2 * self.found / (2 * self.found + wrong)


class DetectionAnalysis(msgspec.Struct, frozen=True):
    """Analysis of the detections of one validation."""

    threshold: float
    """Score above which a detection counts, for confusions and images."""
    classes: tuple[PrecisionRecall, ...]
    confusions: tuple[Confusion, ...]
    """Most frequent first."""
    missed: tuple[int, ...]
    """Objects of each class that no detection above the threshold lies on."""
    background: tuple[int, ...]
    """Detections of each class where there is nothing."""
    images: tuple[ImageResult, ...] = ()
    """Worst first; none in a results.json of before 2026-11-28."""
    matrix: tuple[tuple[int, ...], ...] = ()
    """Truth by what was detected there; the last row and column stand for nothing."""


def analyse(
    detections: Detections,
    truth: GroundTruth,
    class_names: Sequence[str],
    threshold: float | None = None,
) -> DetectionAnalysis:
    """Analyze the detections of a split above a score, by default that of the best F1."""
    judged = judge(detections, truth, len(class_names))
    classes = tuple(
        _precision_recall(name, label, detections, judged) for label, name in enumerate(class_names)
    )
    if threshold is None:
        best, _ = _best_threshold(detections.score, judged.flags, int(judged.objects.sum()))
        threshold = DEFAULT_THRESHOLD if best is None else round(best, 3)
    confusion, images = _confusion(
        detections.rows(detections.score >= threshold), truth, len(class_names)
    )
    pairs = np.argwhere(confusion[:-1, :-1] * (1 - np.eye(len(class_names), dtype=np.int64)))
    counted = [(int(confusion[t, d]), t, d) for t, d in pairs.tolist()]
    return DetectionAnalysis(
        threshold=threshold,
        classes=classes,
        confusions=tuple(
            Confusion(class_names[t], class_names[d], count)
            for count, t, d in sorted(counted, key=lambda pair: (-pair[0], *pair[1:]))
        ),
        missed=tuple(confusion[:-1, -1].tolist()),
        background=tuple(confusion[-1, :-1].tolist()),
        matrix=tuple(map(tuple, confusion.tolist())),
        images=tuple(sorted(images, key=lambda p: (p.quality, -p.missed - p.false))),
    )


def worst_images(images: Sequence[ImageResult], most: int) -> list[ImageResult]:
    """Return the images with errors, worst first."""
    return [p for p in images if p.missed or p.false][:most]


def best_images(
    images: Sequence[ImageResult], most: int, besides: Sequence[ImageResult] = ()
) -> list[ImageResult]:
    """Return the best images with detections: with the highest F1, and of these most found.

    Images among `besides` are shown already, and not again.
    """
    shown = {p.image_id for p in besides}
    found = [p for p in images if p.found and p.image_id not in shown]
    return sorted(found, key=lambda p: (-p.quality, -p.found))[:most]


def images_of_all_classes(truth: GroundTruth, most: int) -> list[int]:
    """Return ids of images whose objects are of as many classes as possible, fullest first."""
    objects = ~truth.crowd
    left = set(zip(truth.image_id[objects].tolist(), truth.label[objects].tolist(), strict=True))
    wanted = {label for _, label in left}
    chosen: list[int] = []
    while left and len(chosen) < most:
        counts: dict[int, int] = {}
        for image_id, label in left:
            counts[image_id] = counts.get(image_id, 0) + (label in wanted)
        best = min(counts, key=lambda image_id: (-counts[image_id], image_id))
        chosen.append(best)
        seen = {label for image_id, label in left if image_id == best}
        left = {pair for pair in left if pair[0] != best}
        wanted = (wanted - seen) or {label for _, label in left}
    return chosen


def _precision_recall(
    name: str, label: int, detections: Detections, judged: Judgement
) -> PrecisionRecall:
    objects = int(judged.objects[label])
    if not objects:
        return PrecisionRecall(name, 0, None, None)
    own = detections.label == label
    threshold, f1 = _best_threshold(detections.score[own], judged.flags[own], objects)
    return PrecisionRecall(
        name=name,
        objects=objects,
        average_precision=float(judged.average_precision[label]),
        recall=float(judged.recall[label]),
        precision_at=tuple(judged.precision[:, label].round(4).tolist()),
        best_threshold=threshold,
        best_f1=f1,
    )


def _best_threshold(
    score: Floats, flags: npt.NDArray[np.int8], objects: int
) -> tuple[float | None, float | None]:
    """Return the score threshold of the highest F1, and that F1; None when nothing is right."""
    rows = np.flatnonzero(flags >= 0)
    rows = rows[np.argsort(-score[rows], kind="stable")]
    right = np.cumsum(flags[rows] == 1)
    # F1 is twice what is right, over what was detected and what is labeled.
    f1 = 2 * right / (np.arange(1, len(rows) + 1) + objects)
    if not f1.any():
        return None, None
    best = int(f1.argmax())
    return float(score[rows[best]]), float(f1[best])


def _confusion(
    detections: Detections, truth: GroundTruth, num_classes: int
) -> tuple[npt.NDArray[np.int64], list[ImageResult]]:
    """Return (C + 1, C + 1) truth by detected class, the last being nothing, and every image."""
    nothing = num_classes
    anything = replace(detections, label=np.zeros_like(detections.label))
    row = judge(anything, replace(truth, label=np.zeros_like(truth.label)), 1).row
    on_object = (row >= 0) & ~np.append(truth.crowd, True)[row]
    meant = np.where(on_object, np.append(truth.label, nothing)[row], nothing)
    counted = on_object | (row < 0)
    objects = ~truth.crowd
    missed = objects.copy()
    missed[row[on_object]] = False
    table = np.zeros((num_classes + 1, num_classes + 1), np.int64)
    np.add.at(table, (meant[counted], detections.label[counted]), 1)
    table[:-1, nothing] = np.bincount(truth.label[missed], minlength=num_classes)

    def by_image(image_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.bincount(truth.places(image_ids), minlength=len(truth.image_ids))

    right = by_image(detections.image_id[on_object & (meant == detections.label)])
    labelled = by_image(truth.image_id[objects])
    detected = by_image(detections.image_id[counted])
    columns = (truth.image_ids, right, labelled - right, detected - right)
    return table, [ImageResult(*row) for row in np.stack(columns, axis=1).tolist()]
