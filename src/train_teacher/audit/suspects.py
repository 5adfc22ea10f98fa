"""Doubted labels, with the data needed to look them up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from train_teacher.audit import probability
from train_teacher.audit.compare import Comparison, Doubt, Kind, compare, outside_crowds
from train_teacher.core.arrays import Floats
from train_teacher.evaluation.labelled_images import LabelledImages
from train_teacher.scores.detections import Detections, ImageDetections
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
    found: Detections


def find_suspects(parts: Sequence[Looked], names: Sequence[str], threshold: float) -> list[Suspect]:
    """Return the doubted labels, the likeliest errors first.

    Args:
        parts: all that one teacher looked at, or several that are equally good.
        names: of the classes, by label.
        threshold: score from which a box is sure.
    """
    records = [(part.data.path, *record) for part in parts for record in _compared(part)]
    comparisons = [comparison for _, comparison, _, _ in records]
    score = np.concatenate([np.empty(0), *(c.found.score for c in comparisons)])
    agrees = np.concatenate([np.empty(0, np.bool_), *(c.agrees for c in comparisons)])
    support = np.concatenate([np.empty(0), *(c.support for c in comparisons)])
    overlap = np.concatenate([np.empty(0), *(c.overlap for c in comparisons)])
    sure = (score >= threshold) & np.isfinite(overlap)
    misplaced = np.zeros(len(score))
    misplaced[sure] = probability.wrong_by_overlap(overlap[sure])
    disagreed = probability.wrong_by_disagreement(score, agrees, len(support))
    phantom = np.zeros(len(support))
    classes = np.array([label["category_id"] for *_, own in records for label in own], np.int64)
    # A missed label of a class that the teacher hardly finds means nothing.
    middle = {label: np.median(support[classes == label]) for label in np.unique(classes).tolist()}
    known = np.array([middle[label] >= threshold / 2 for label in classes.tolist()], np.bool_)
    phantom[known] = probability.wrong_by_support(support[known])
    double = probability.wrong_by_recall(
        float((support >= threshold).mean()) if len(support) else 0
    )
    suspects, boxes, labels = [], 0, 0
    for file, comparison, image, own in records:
        for doubt in comparison.doubts:
            chances: Mapping[Kind, Floats | float] = {
                "missing": disagreed[boxes + doubt.found],
                "class": disagreed[boxes + doubt.found],
                "location": misplaced[boxes + doubt.found],
                "phantom": phantom[labels + doubt.label] if doubt.label >= 0 else 0.0,
                "double": double,
            }
            chance = float(chances[doubt.kind])
            if chance >= LEAST:
                suspects.append(_suspect(doubt, chance, comparison, image, own, names, file))
        boxes, labels = boxes + len(comparison.found.score), labels + len(own)
    # Alike by probability: the surer the teacher, the earlier.
    return sorted(suspects, key=lambda s: (-s.probability, -s.score if s.box else s.score))


def _compared(part: Looked) -> list[tuple[Comparison, dict[str, Any], list[dict[str, Any]]]]:
    truth = canonical_truth(part.data.content)
    found = part.found.rows(np.argsort(part.found.image_id, kind="stable"))
    order = np.argsort(truth.image_id, kind="stable")
    image_ids = truth.image_id[order]
    records = []
    for image in part.data.content["images"]:
        bounds = [image["id"], image["id"] + 1]
        low, high = np.searchsorted(found.image_id, bounds)
        looked = ImageDetections(
            image["width"],
            image["height"],
            found.label[low:high],
            found.score[low:high],
            found.box[low:high],
        )
        low, high = np.searchsorted(image_ids, bounds)
        rows = order[low:high]
        looked = outside_crowds(looked, truth.box[rows[truth.crowd[rows]]])
        own = rows[~truth.crowd[rows]]
        annotations = [part.data.content["annotations"][row] for row in own.tolist()]
        records.append((compare(truth.label[own], truth.box[own], looked), image, annotations))
    return records


def _suspect(
    doubt: Doubt,
    chance: float,
    comparison: Comparison,
    image: dict[str, Any],
    annotations: Sequence[dict[str, Any]],
    names: Sequence[str],
    file: str,
) -> Suspect:
    annotation = annotations[doubt.label] if doubt.label >= 0 else None
    found, row = comparison.found, doubt.found
    box = None
    if row >= 0:
        x, y, right, bottom = found.box[row].round(2).tolist()
        box = (x, y, round(right - x, 2), round(bottom - y, 2))
    return Suspect(
        kind=doubt.kind,
        probability=round(chance, 3),
        file=file,
        file_name=image["file_name"],
        image_id=image.get("original_id", image["id"]),
        annotation_id=annotation.get("original_id", annotation["id"]) if annotation else None,
        label=names[annotation["category_id"] - 1] if annotation else None,
        label_box=tuple(annotation["bbox"]) if annotation else None,
        found=names[int(found.label[row])] if row >= 0 else None,
        box=box,
        score=round(doubt.support, 4),
        overlap=round(doubt.overlap, 3) if annotation and row >= 0 else None,
    )
