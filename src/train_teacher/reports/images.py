"""Validation images with what is labelled in them and what a model found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from train_teacher.core.arrays import Floats
from train_teacher.images.gallery import spanning_images
from train_teacher.images.thumbnails import GREEN, ORANGE, Mark, thumbnail
from train_teacher.pages.parts import Image, Pair
from train_teacher.scores.analysis import DetectionAnalysis, ImageResult
from train_teacher.scores.detections import Detections
from train_teacher.scores.validation_files import ValidationTruth

MOST_PAIRS = 8
MOST_DRAWN = 30
"""Detections in an image: a base that is sure of nothing has hundreds."""


class Seen(NamedTuple):
    """What a model found in the validation images, and what that comes to."""

    found: Detections
    analysis: DetectionAnalysis


@dataclass(frozen=True)
class ValidationImages:
    """The validation split, to be drawn."""

    folder: Path
    truth: ValidationTruth
    names: Sequence[str]
    """Of the classes."""
    turned: bool
    """Whether photos are turned as EXIF says."""

    def pairs(self, before: Seen | None, best: Seen) -> list[Pair]:
        """Return images that span classes and sizes, as the base and the best epoch see them."""
        truth = self.truth.truth
        area = (truth.box[:, 2:] - truth.box[:, :2]).prod(axis=1)
        rows = spanning_images(truth.places(truth.image_id), truth.label, area, MOST_PAIRS)
        pairs = []
        for image_id in truth.image_ids[rows].tolist():
            sides = [(what, seen) for what, seen in (("before", before), ("best", best)) if seen]
            results = [(what, self._result(image_id, seen), seen) for what, seen in sides]
            images = [self._image(result, seen, what) for what, result, seen in results]
            told = "; ".join(f"{what}: {_told(result)}" for what, result, _ in results)
            drawn = tuple(image for image in images if image)
            if drawn:
                pairs.append(Pair(drawn, self.truth.file_names[image_id], told))
        return pairs

    def drawn(self, results: Sequence[ImageResult], seen: Seen) -> list[Image]:
        """Return those of the images that can be read."""
        images = (self._image(result, seen) for result in results)
        return [image for image in images if image]

    def _result(self, image_id: int, seen: Seen) -> ImageResult:
        return next(r for r in seen.analysis.images if r.image_id == image_id)

    def _image(self, result: ImageResult, seen: Seen, what: str = "") -> Image | None:
        found, truth = seen.found, self.truth.truth
        counted = (found.image_id == result.image_id) & (found.score >= seen.analysis.threshold)
        here = found.rows(counted)
        here = here.rows(np.argsort(-here.score, kind="stable")[:MOST_DRAWN])
        labelled = truth.rows(truth.image_id == result.image_id)
        marks = [
            Mark(box, GREEN, self.names[label], below=True)
            for box, label in zip(_xywh(labelled.box), labelled.label.tolist(), strict=True)
        ]
        marks += [
            Mark(box, ORANGE, f"{self.names[label]} {score:.2f}", line=2)
            for box, label, score in zip(
                _xywh(here.box), here.label.tolist(), here.score.tolist(), strict=True
            )
        ]
        name = self.truth.file_names[result.image_id]
        source = thumbnail(self.folder / name, marks, turned=self.turned)
        return Image(source, what or name, _told(result)) if source else None


def _told(result: ImageResult) -> str:
    labelled = result.found + result.missed
    return f"{result.found} of {labelled} found, {result.false} made up"


def _xywh(boxes: Floats) -> Floats:
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
