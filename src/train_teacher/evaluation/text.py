"""An evaluation as text and JSON."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from train_teacher.core.words import score
from train_teacher.scores.coco_scores import CocoScores, Evaluation

NAME_WIDTH = 40


def render_evaluation_json(evaluation: Evaluation) -> str:
    """Return the evaluation as one JSON object."""
    return msgspec.json.format(msgspec.json.encode(evaluation)).decode()


def render_evaluation(evaluation: Evaluation) -> str:
    """Return the evaluation for a terminal."""
    weights = "" if evaluation.weights == "trained" else " (base, nothing of the training)"
    lines = [
        f"teacher  {evaluation.teacher}{weights}",
        f"data     {evaluation.data}",
        f"         {evaluation.num_images:,} images, {evaluation.num_objects:,} objects, "
        f"{evaluation.seconds:.0f} s",
        "",
        *_scores(evaluation.scores, "boxes"),
    ]
    if evaluation.masks:
        lines += ["", *_scores(evaluation.masks, "masks")]
    if evaluation.num_without_mask:
        lines += [
            "",
            f"{evaluation.num_without_mask:,} objects have no mask: masks leave them out.",
        ]
    return "\n".join(lines)


def _scores(scores: CocoScores, what: str) -> Iterator[str]:
    yield (
        f"{what}: mAP {score(scores.average_precision)}   "
        f"mAP50 {score(scores.average_precision_50)}   "
        f"mAP75 {score(scores.average_precision_75)}"
    )
    yield (
        f"recall with 1, 10, 100 detections an image: {score(scores.average_recall_1)}  "
        f"{score(scores.average_recall_10)}  {score(scores.average_recall_100)}"
    )
    yield "by size  " + "   ".join(
        f"{size.size} AP {score(size.average_precision)} AR {score(size.average_recall)}"
        for size in scores.sizes
    )
    names = [entry.name[:NAME_WIDTH] for entry in scores.classes]
    width = max(5, *map(len, names)) if names else 5
    yield ""
    yield f"{'class':<{width}}  objects     AP   AP50     AR"
    for name, entry in zip(names, scores.classes, strict=True):
        yield (
            f"{name:<{width}}  {entry.objects:>7,}  {score(entry.average_precision):>5}  "
            f"{score(entry.average_precision_50):>5}  {score(entry.average_recall):>5}"
        )
