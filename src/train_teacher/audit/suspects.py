"""Doubted labels, with the data needed to look them up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from train_teacher.audit import probability
from train_teacher.audit.compare import Comparison, Doubt, Kind, compare, outside_crowds
from train_teacher.core.arrays import Floats
from train_teacher.evaluation.labelled_images import LabelledImages
from train_teacher.scores.detections import ImageDetections, xywh
from train_teacher.scores.validation_files import canonical_truth

Box = tuple[float, float, float, float]
LEAST = 0.05
"""Probability from which a label is reported."""


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """A label that may be wrong, or an object that may have none."""

    kind: Kind
    probability: float
    """Of being an error of the labels."""
    file: str
    """That holds the label: a canonical copy of the user's, for splits of a run."""
    file_name: str
    """Of the image."""
    image_id: int | str
    """In the user's file."""
    annotation_id: int | str | None
    """In the user's file; None for a missing label."""
    label: str | None
    """Class of the label."""
    label_box: Box | None
    """xywh, pixels."""
    found: str | None
    """Class of the confident detection there; None without one."""
    box: Box | None
    score: float
    """Of it, or of the best that lies near the label."""
    overlap: float | None


@dataclass(frozen=True)
class Looked:
    """Labeled images, with the detections of a teacher that was not trained on them."""

    data: LabelledImages
    found: Sequence[ImageDetections]
    """In each image."""


def find_suspects(parts: Sequence[Looked], names: Sequence[str], threshold: float) -> list[Suspect]:
    """Return the doubted labels, the likeliest errors first.

    Args:
        parts: all that one teacher looked at, or several that are equally good.
        names: of the classes, by label.
        threshold: score from which a box is sure.
    """
    images = [image for part in parts for image in _compared(part)]
    chances = _chances([image.comparison for image in images], threshold)
    suspects, boxes, labels = [], 0, 0
    for image in images:
        for doubt in image.comparison.doubts:
            of_box = doubt.kind in ("missing", "class", "location")
            row = boxes + doubt.found if of_box else labels + doubt.label
            if chances[doubt.kind][row] >= LEAST:
                suspects.append(_suspect(doubt, float(chances[doubt.kind][row]), image, names))
        boxes += len(image.comparison.found.score)
        labels += len(image.labels)
    # Alike by probability: the surer the teacher, the earlier.
    return sorted(suspects, key=lambda s: (-s.probability, -s.score if s.box else s.score))


def _chances(images: Sequence[Comparison], threshold: float) -> Mapping[Kind, Floats]:
    """Return the probability of a doubt of each kind, by box or by label of all images."""
    score = np.concatenate([np.empty(0), *(image.found.score for image in images)])
    agrees = np.concatenate([np.empty(0, np.bool_), *(image.agrees for image in images)])
    overlap = np.concatenate([np.empty(0), *(image.overlap for image in images)])
    support = np.concatenate([np.empty(0), *(image.support for image in images)])
    label = np.concatenate([np.empty(0, np.int64), *(image.label for image in images)])
    disagreed = probability.wrong_by_disagreement(score, agrees, len(support))
    sure = (score >= threshold) & np.isfinite(overlap)
    misplaced = np.zeros(len(score))
    misplaced[sure] = probability.wrong_by_overlap(overlap[sure])
    # A missed label of a class that the teacher hardly finds means nothing.
    known = np.zeros(len(support), np.bool_)
    for own in (label == number for number in np.unique(label)):
        known[own] = np.median(support[own]) >= threshold / 2
    phantom = np.zeros(len(support))
    phantom[known] = probability.wrong_by_support(support[known])
    found = float((support >= threshold).mean()) if len(support) else 0.0
    return {
        "missing": disagreed,
        "class": disagreed,
        "location": misplaced,
        "phantom": phantom,
        "double": np.full(len(support), probability.wrong_by_recall(found)),
    }


@dataclass(frozen=True)
class _Image:
    file: str
    """That holds its labels."""
    record: Mapping[str, Any]
    labels: Sequence[Mapping[str, Any]]
    """Its annotations, crowds left out."""
    comparison: Comparison


def _compared(part: Looked) -> Iterator[_Image]:
    content, truth = part.data.content, canonical_truth(part.data.content)
    rows: dict[int, list[int]] = defaultdict(list)
    for row, image_id in enumerate(truth.image_id.tolist()):
        rows[image_id].append(row)
    for image, found in zip(content["images"], part.found, strict=True):
        here = np.array(rows[image["id"]], np.int64)
        crowd = truth.crowd[here]
        own = here[~crowd]
        looked = outside_crowds(found, truth.box[here[crowd]])
        comparison = compare(truth.label[own], truth.box[own], looked)
        labels = [content["annotations"][row] for row in own.tolist()]
        yield _Image(part.data.path, image, labels, comparison)


def _suspect(doubt: Doubt, chance: float, image: _Image, names: Sequence[str]) -> Suspect:
    label = image.labels[doubt.label] if doubt.label >= 0 else None
    found, row = image.comparison.found, doubt.found
    seen = row >= 0
    return Suspect(
        kind=doubt.kind,
        probability=round(chance, 3),
        file=image.file,
        file_name=image.record["file_name"],
        image_id=image.record.get("original_id", image.record["id"]),
        annotation_id=label.get("original_id", label["id"]) if label else None,
        label=names[label["category_id"] - 1] if label else None,
        label_box=tuple(label["bbox"]) if label else None,
        found=names[int(found.label[row])] if seen else None,
        box=tuple(xywh(found.box[[row]].round(2)).round(2)[0].tolist()) if seen else None,
        score=round(float(found.score[row] if seen else image.comparison.support[doubt.label]), 4),
        overlap=round(doubt.overlap, 3) if label and seen else None,
    )
