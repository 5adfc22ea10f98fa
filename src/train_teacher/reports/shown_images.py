"""The validation images of a report: before and after training, the worst and the best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from train_teacher.images.thumbnails import with_boxes
from train_teacher.pages.parts import Image
from train_teacher.scores.analysis import (
    DetectionAnalysis,
    ImageResult,
    best_images,
    images_of_all_classes,
    worst_images,
)
from train_teacher.scores.detections import Detections, xywh
from train_teacher.scores.validation_files import ValidationTruth

SHOWN_IMAGES = 6
SHOWN_PAIRS = 4


@dataclass(frozen=True)
class ShownImages:
    """Images that the page shows."""

    pairs: Sequence[Image] = ()
    """Each image twice: with what the base weights found, and the best ones."""
    thresholds: tuple[float, float] = (0.0, 0.0)
    """Least scores of these."""
    worst: Sequence[Image] = ()
    best: Sequence[Image] = ()


NO_IMAGES = ShownImages()


@dataclass(frozen=True)
class Judged:
    """Detections and their analysis."""

    detections: Detections
    analysis: DetectionAnalysis


@dataclass(frozen=True)
class ImageDrawer:
    """Drawing of images of the validation split."""

    folder: Path
    truth: ValidationTruth
    names: Sequence[str]
    """Of the classes."""
    turned: bool
    """True when boxes are of photos as EXIF turns them."""

    def draw(self, image: ImageResult, detections: Detections, said: str = "") -> Image | None:
        """Return an image with labels and detections, None when it cannot be read."""
        here = detections.rows(detections.image_id == image.image_id)
        truth = self.truth.truth.rows(self.truth.truth.image_id == image.image_id)
        texts = [
            f"{self.names[label]} {score:.2f}"
            for label, score in zip(here.label.tolist(), here.score.tolist(), strict=True)
        ]
        file = self.truth.file_names[image.image_id]
        source = with_boxes(
            self.folder / file,
            xywh(truth.box),
            [self.names[label] for label in truth.label.tolist()],
            xywh(here.box),
            texts,
            turned=self.turned,
        )
        counted = f"{image.found} found, {image.missed} missed, {image.false} made up"
        return Image(source, file, said + counted) if source else None


def shown_images(drawer: ImageDrawer, before: Judged | None, best: Judged) -> ShownImages:
    """Return the images to show, drawn; those that cannot be read are left out."""
    images = best.analysis.images
    # Of a handful of images, half: none is both among the worst and among the best.
    most = min(SHOWN_IMAGES, -(-len(images) // 2))
    worst = worst_images(images, most)
    right = best_images(images, most, besides=worst)
    found = _sure(best)
    return ShownImages(
        pairs=list(_pairs(drawer, before, best)) if before else (),
        thresholds=(before.analysis.threshold if before else 0.0, best.analysis.threshold),
        worst=[i for i in (drawer.draw(image, found) for image in worst) if i],
        best=[i for i in (drawer.draw(image, found) for image in right) if i],
    )


def _pairs(drawer: ImageDrawer, before: Judged, best: Judged) -> Iterator[Image]:
    was = {image.image_id: image for image in before.analysis.images}
    now = {image.image_id: image for image in best.analysis.images}
    for image_id in images_of_all_classes(drawer.truth.truth, SHOWN_PAIRS):
        pair = (
            drawer.draw(was[image_id], _sure(before), "before: "),
            drawer.draw(now[image_id], _sure(best), "after: "),
        )
        if pair[0] and pair[1]:
            yield from (pair[0], pair[1])


def _sure(judged: Judged) -> Detections:
    found = judged.detections
    return found.rows(found.score >= judged.analysis.threshold)
