"""What a validation's detections say: precision and recall, confusions, best and worst images."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from train_teacher.core.arrays import Floats
from train_teacher.scores.detections import Detections, GroundTruth, by_image, match, overlaps

IOU = 0.5
RECALL_POINTS = 101
"""COCO's recall thresholds, 0 to 1 in hundredths."""
DEFAULT_THRESHOLD = 0.3


class PrecisionRecall(msgspec.Struct, frozen=True):
    """How well one class is found, at an overlap of 0.5."""

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
    """How often objects of one class were taken for another."""

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
    """What the detections of one validation say."""

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
    detections: Detections, truth: GroundTruth, class_names: Sequence[str]
) -> DetectionAnalysis:
    """Judge the detections of a validation.

    Args:
        detections: of all its images.
        truth: the labels.
        class_names: in order of the labels.
    """
    flags = found_flags(detections, truth)
    classes = tuple(
        _precision_recall(name, number, detections, truth, flags)
        for number, name in enumerate(class_names)
    )
    threshold = _common_threshold(detections, truth, flags)
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
    """Return the images in which something is wrong, worst first."""
    return [p for p in images if p.missed or p.false][:most]


def best_images(
    images: Sequence[ImageResult], most: int, besides: Sequence[ImageResult] = ()
) -> list[ImageResult]:
    """Return the best images with something found: with the highest F1, and of these most found.

    Args:
        images: of a validation.
        most: how many.
        besides: already shown; where something is wrong in them, they are not shown again.
    """
    shown = {p.image_id for p in besides}
    found = [p for p in images if p.found and p.image_id not in shown]
    return sorted(found, key=lambda p: (-p.quality, -p.found))[:most]


def found_flags(
    detections: Detections, truth: GroundTruth, iou: float = IOU
) -> npt.NDArray[np.int8]:
    """Return (D,) 1 for a right detection, 0 for a wrong one, -1 for one on a crowd.

    Args:
        detections: D of them.
        truth: the labels.
        iou: least overlap of a right one.
    """
    flags = np.zeros(len(detections.score), np.int8)
    for _, rows, labelled in by_image(detections, truth):
        for label in np.unique(detections.label[rows]).tolist():
            here = rows[detections.label[rows] == label]
            there = labelled[truth.label[labelled] == label]
            crowd = truth.crowd[there]
            ious = overlaps(detections.box[here], truth.box[there], crowd)
            taken = match(ious, crowd, iou)
            hit = taken >= 0
            flags[here[hit]] = np.where(crowd[taken[hit]], -1, 1)
    return flags


def _precision_recall(
    name: str,
    label: int,
    detections: Detections,
    truth: GroundTruth,
    flags: npt.NDArray[np.int8],
) -> PrecisionRecall:
    objects = int(((truth.label == label) & ~truth.crowd).sum())
    if not objects:
        return PrecisionRecall(name, 0, None, None)
    rows = np.flatnonzero((detections.label == label) & (flags >= 0))
    rows = rows[np.argsort(-detections.score[rows], kind="stable")]
    right = np.cumsum(flags[rows] == 1)
    recall = right / objects
    precision = right / np.arange(1, len(rows) + 1)
    curve = interpolated_precision(precision, recall)
    threshold, f1 = _best_threshold(detections.score[rows], precision, recall)
    return PrecisionRecall(
        name=name,
        objects=objects,
        average_precision=float(curve.mean()),
        recall=float(recall[-1]) if len(rows) else 0.0,
        precision_at=tuple(curve.round(4).tolist()),
        best_threshold=threshold,
        best_f1=f1,
    )


def interpolated_precision(precision: Floats, recall: Floats) -> Floats:
    """Return (101,) the highest precision at each recall or beyond (COCOeval.accumulate)."""
    curve = np.zeros(RECALL_POINTS)
    if len(precision):
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        place = np.searchsorted(recall, np.linspace(0, 1, RECALL_POINTS), side="left")
        curve[place < len(recall)] = envelope[place[place < len(recall)]]
    return curve


def _best_threshold(
    score: Floats, precision: Floats, recall: Floats
) -> tuple[float | None, float | None]:
    total = precision + recall
    f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
    if not f1.any():
        return None, None
    best = int(f1.argmax())
    return float(score[best]), float(f1[best])


def _common_threshold(
    detections: Detections, truth: GroundTruth, flags: npt.NDArray[np.int8]
) -> float:
    """Return the score that balances precision and recall over all classes."""
    rows = np.flatnonzero(flags >= 0)
    rows = rows[np.argsort(-detections.score[rows], kind="stable")]
    objects = max(int((~truth.crowd).sum()), 1)
    right = np.cumsum(flags[rows] == 1)
    best, _ = _best_threshold(
        detections.score[rows], right / np.arange(1, len(rows) + 1), right / objects
    )
    return DEFAULT_THRESHOLD if best is None else round(best, 3)


def _confusion(
    detections: Detections, truth: GroundTruth, num_classes: int
) -> tuple[npt.NDArray[np.int64], list[ImageResult]]:
    """Return (C + 1, C + 1) truth by detected class, the last being nothing, and every image."""
    table = np.zeros((num_classes + 1, num_classes + 1), np.int64)
    images = []
    for image_id, rows, labelled in by_image(detections, truth):
        crowd = truth.crowd[labelled]
        ious = overlaps(detections.box[rows], truth.box[labelled], crowd)
        taken = match(ious, crowd, IOU)
        on_object = (taken >= 0) & ~crowd[taken] if len(crowd) else taken >= 0
        kinds, meant = detections.label[rows], np.full(len(rows), num_classes)
        meant[on_object] = truth.label[labelled[taken[on_object]]]
        counted = on_object | (taken < 0)
        np.add.at(table, (meant[counted], kinds[counted]), 1)
        missed = np.setdiff1d(np.flatnonzero(~crowd), taken)
        unseen = truth.label[labelled[missed]]
        np.add.at(table, (unseen, np.full_like(unseen, num_classes)), 1)
        right = int((on_object & (meant == kinds)).sum())
        objects = int((~crowd).sum())
        images.append(ImageResult(image_id, right, objects - right, int(counted.sum()) - right))
    return table, images
