"""Scores on the test split, which no choice of the run depended on."""

from __future__ import annotations

import msgspec

from train_teacher.scores.bootstrap import Chance
from train_teacher.scores.coco_scores import CocoScores
from train_teacher.scores.labelling import LabelQuality


class FinalScores(msgspec.Struct, frozen=True, kw_only=True):
    """The test split, scored once at the end of a run."""

    num_images: int
    num_objects: int
    """Crowds left out."""
    before: CocoScores | None
    """Of the base weights, None where a run does not ask for them."""
    best: CocoScores
    """Of the best checkpoint."""
    chance: Chance | None
    labels: LabelQuality | None
    """At the threshold of the validation; None without objects."""
