"""Labeled images that a teacher is scored on, and its detections in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from train_teacher.coco.categories import real_categories
from train_teacher.console.progress import Progress
from train_teacher.core.errors import UserError
from train_teacher.data.canonical import canonical_copy
from train_teacher.engine.machine import choose_workers
from train_teacher.inspection.load import InspectRequest, LoadedSplit, load_splits
from train_teacher.prompts.caption import match_names
from train_teacher.scores.coco_scores import CocoScores, coco_results, score
from train_teacher.scores.detections import Detections, ImageDetections, joined
from train_teacher.teachers.model import TeacherModel, UnreadableImage

SHOWN_NAMES = 5


@dataclass(frozen=True)
class LabelledImages:
    """A COCO object in canonical form, and the folder of its images."""

    path: str
    content: dict[str, Any]
    image_dir: Path
    phrases: tuple[str, ...]
    """Phrases the model is asked for, in the order of the categories."""
    ignored_classes: tuple[str, ...] = ()

    @property
    def images(self) -> list[Path]:
        """The images in the order of `images`."""
        return [self.image_dir / image["file_name"] for image in self.content["images"]]

    def part(self, images: Sequence[Mapping[str, Any]]) -> LabelledImages:
        """Return some of the image records with their labels."""
        ids = {image["id"] for image in images}
        kept = [label for label in self.content["annotations"] if label["image_id"] in ids]
        content = {**self.content, "images": list(images), "annotations": kept}
        return replace(self, content=content)

    def results(
        self, found: Detections, masks: Sequence[Any] | None = None
    ) -> list[dict[str, Any]]:
        """Return detections in the images as COCO's result records."""
        return coco_results(found, [one["id"] for one in self.content["categories"]], masks)


def read_labelled(path: Path, images: Path | None) -> LabelledImages:
    """Read a COCO file that was not trained on, with all its classes; see `labelled_split`.

    Args:
        path: COCO JSON, or a folder with one.
        images: folder of the images; found when None.
    """
    return labelled_split(load_splits(InspectRequest(data=path, images=images))[0])


def labelled_split(
    split: LoadedSplit, names: Sequence[str] | None = None, phrases: Sequence[str] | None = None
) -> LabelledImages:
    """Return labeled images from a file that was read.

    Args:
        names: classes to score, as they stand in the file; all of its own when None.
        phrases: what the model reads for them; the names when None.

    Raises:
        UserError: it has none of the classes, or lacks images.
    """
    own = [category.name for category in real_categories(split.dataset)]
    names = own if names is None else names
    known = tuple(names)
    places = match_names(own, known)
    ignored = tuple(name for name, place in zip(own, places, strict=True) if place < 0)
    if len(ignored) == len(own):
        raise UserError(
            f"{split.dataset.path}: none of its classes ({_shown(own)}) is one of the teacher's "
            f"({_shown(known)}). To detect them nevertheless, add --own-classes."
        )
    _require_images(split)
    content = canonical_copy(split, known, ignored)
    folder = split.files.image_dir or split.dataset.path.parent
    return LabelledImages(
        str(split.dataset.path), content, Path(folder), tuple(phrases or known), ignored
    )


def _require_images(split: LoadedSplit) -> None:
    missing = split.files.missing
    if len(missing):
        names = [split.dataset.images[row].file_name for row in missing[:SHOWN_NAMES].tolist()]
        raise UserError(
            f"{split.dataset.path}: I1 {len(missing)} of {len(split.dataset.images)} images were "
            f"not found ({_shown(names)}): they cannot be scored. Give their folder with --images."
        )


def _shown(names: Sequence[str]) -> str:
    rest = ", ..." if len(names) > SHOWN_NAMES else ""
    return ", ".join(map(repr, names[:SHOWN_NAMES])) + rest


def detections_of(
    model: TeacherModel,
    data: LabelledImages,
    phrases: Sequence[str],
    progress: Progress | None = None,
) -> Detections:
    """Return what `look` finds in all images, as columns."""
    found = list(look(model, data, phrases, progress))
    return joined([image["id"] for image in data.content["images"]], found)


def scores_of(data: LabelledImages, found: Detections) -> CocoScores:
    """Score the detections in every image of a data set."""
    return score(data.content, data.results(found))


def look(
    model: TeacherModel,
    data: LabelledImages,
    phrases: Sequence[str],
    progress: Progress | None = None,
) -> Iterator[ImageDetections]:
    """Detect phrases in every image of a data set, in order; a label is a position among them.

    Raises:
        UserError: an image cannot be read: the scores would be of another data set.
    """
    images = data.images
    workers = choose_workers(len(images))
    for done, result in enumerate(model.detect(images, phrases, workers=workers), 1):
        if isinstance(result, UnreadableImage):
            raise UserError(
                f"{result.path}: the image cannot be read ({result.reason}). Without it the "
                "scores would not be those of the data set. Put it back, or take it out of "
                f"{data.path}."
            )
        yield result
        if progress:
            progress(done, len(images))
