"""Labeling of images by a teacher: a COCO data set for a student."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from train_teacher import __version__
from train_teacher.console.progress import Progress
from train_teacher.core.arrays import Floats
from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.errors import UsageError, UserError
from train_teacher.core.file_lock import held_output
from train_teacher.core.json_file import read_json
from train_teacher.engine.machine import choose_workers
from train_teacher.images.drawings import draw_detections
from train_teacher.images.image_list import ImageList, list_images
from train_teacher.prediction.other_formats import (
    Labelled,
    cvat_labels,
    label_studio_config,
    write_cvat,
    write_label_studio,
)
from train_teacher.prediction.people_labels import labels_of, people_labels
from train_teacher.prediction.prediction_file import (
    PredictedImage,
    PredictionFile,
    partial_of,
    written_before,
)
from train_teacher.prediction.review import render_review, review_of
from train_teacher.prediction.students import StudentFolder, StudentImage, images_of
from train_teacher.scores.detections import NEARLY_THE_SAME, choose_labels, xywh
from train_teacher.scores.thresholds import ClassThreshold
from train_teacher.teachers.facts import TeacherFacts
from train_teacher.teachers.model import UnreadableImage
from train_teacher.teachers.open import OpenTeacher, TeacherRequest, open_teacher
from train_teacher.teachers.sam_masks import SamMasks

BOX_DIGITS, SCORE_DIGITS = 2, 4
SHOWN_FILES = 3


@dataclass(frozen=True)
class PredictRequest:
    """Request for a prediction: the images to label, and the files to write."""

    teacher: TeacherRequest
    sources: tuple[Path, ...]
    """Images, folders, .txt lists, or one COCO JSON."""
    output: Path
    """COCO JSON to write; the folder of a student."""
    images: Path | None = None
    """Folder of a COCO JSON's images."""
    score_threshold: float | None = None
    """Least score; the one that balanced precision and recall at validation when None."""
    precision: float | None = None
    """Share of right boxes to reach in each class, instead of a score."""
    most_overlap: float = NEARLY_THE_SAME
    """Boxes that overlap more are one object."""
    masks: str | None = None
    """SAM model, by name or folder, that makes masks of the boxes."""
    draw: Path | None = None
    """Folder for copies of the images with the boxes drawn."""
    student: str | None = None
    """Tool that `student_start` knows; it gets the labels of people where there are some."""
    copy_images: bool = False
    """Give it copies of the images instead of links."""
    label_studio: Path | None = None
    """File for the same labels as Label Studio imports them, with its labeling config beside."""
    cvat: Path | None = None
    """File for the same labels as CVAT reads them, with those of its task beside."""

    @property
    def predictions(self) -> Path:
        """The COCO JSON of what the teacher found."""
        return self.output / "predictions.json" if self.student else self.output


@dataclass(frozen=True)
class PredictResult:
    """Outcome of a prediction."""

    output: Path
    images: int
    annotations: int
    tiles: str
    """The cutting of large images, in words."""
    told: tuple[str, ...]
    """The threshold, or that of each class and what it rests on, in words."""
    resumed: int
    """Images that an interrupted command had done."""
    unreadable: tuple[str, ...]
    image_root: Path
    """Folder that the file names in the JSON are relative to."""
    student: str = ""
    """Labels for a student."""

    @property
    def review(self) -> Path:
        """The page that shows it."""
        return review_of(self.output)


def predict(request: PredictRequest, *, progress: Progress | None = None) -> PredictResult:
    """Label images with a teacher; after an interruption the same call continues.

    Raises:
        UserError: teacher, images or output cannot be used.
        UsageError: invalid options.
    """
    _check(request)
    with held_output(partial_of(request.output), f"--output {request.output}"):
        _check(request)  # another command may have finished it meanwhile
        return _predict(request, progress)


def _predict(request: PredictRequest, progress: Progress | None) -> PredictResult:
    teacher = open_teacher(request.teacher)
    facts, source = teacher.facts, request.sources[0]
    folder = request.images or _images_of_split(request.sources, teacher)
    listed = list_images(request.sources, folder)
    people: list[StudentImage] = []
    if request.student:
        is_coco = source.suffix.lower() == ".json"
        given = labels_of(source, folder, facts.original_names) if is_coco else []
        people, listed = people_labels(teacher.run, listed, given)
    chosen, thresholds = _thresholds(request, facts)
    threshold = float(thresholds.min())
    lines = PredictionFile(request.output, _made_with(request, threshold), listed.names)
    resumed = lines.done
    for number, line in enumerate(
        lines.append(_look(request, teacher, listed, thresholds, resumed)), resumed + 1
    ):
        _draw(request, listed.root, line, teacher)
        if progress:
            progress(number, len(listed.names))
    images = []
    for line in lines.images():
        images.append(msgspec.structs.replace(line, masks=()))
        # What an interrupted command labeled, but did not draw.
        _draw(request, listed.root, line, teacher, again=False)
    unreadable = [image for image in images if image.unreadable]
    if images and len(unreadable) == len(images):
        lines.remove()
        raise UserError(
            "none of the images can be read, so there is nothing to label "
            f"({images[0].name}: {images[0].unreadable}). Give JPEG, PNG, WebP, BMP or TIFF files "
            "that an image viewer opens."
        )
    root, turned = listed.root.absolute(), teacher.model.turns_photos
    labelled = Labelled(images, root, facts.original_names, facts.name, turned)
    description = (
        f"labels predicted by {facts.name} (train-teacher {__version__}), score at least "
        f"{threshold:g}"
        + (f", each class at a precision of {request.precision:g}" if chosen else "")
    )
    guessed = request.score_threshold is None and facts.threshold is None
    guess = " (a guess: this teacher's best is unknown)" if guessed else ""
    told: tuple[str, ...] = (f"boxes with a score of at least {threshold:g}{guess}",)
    if chosen:
        told = ("least scores of kept boxes:", *facts.tell_thresholds(chosen))
    student = _write_results(request, lines, listed.ids, labelled, people, description, thresholds)
    return PredictResult(
        output=request.predictions,
        images=len(images) - len(unreadable),
        annotations=sum(len(image.boxes) for image in images),
        tiles=str(teacher.model.tiling or ""),
        told=told,
        resumed=resumed,
        unreadable=tuple(f"{listed.root / one.name} ({one.unreadable})" for one in unreadable),
        image_root=listed.root,
        student=student,
    )


def _write_results(
    request: PredictRequest,
    lines: PredictionFile,
    ids: Sequence[int],
    labelled: Labelled,
    people: Sequence[StudentImage],
    description: str,
    thresholds: Floats,
) -> str:
    """Write all files from the lines, remove these, and return what a student gets."""
    names, root, student = labelled.names, labelled.root, ""
    categories = [{"id": n, "name": name, "supercategory": ""} for n, name in enumerate(names, 1)]
    lines.begin_results(path for _, path in _results(request))
    if request.student:
        request.output.mkdir()
    lines.write(request.predictions, ids, categories, description)
    try:
        if request.label_studio:
            write_label_studio(labelled, request.label_studio)
        if request.cvat:
            write_cvat(labelled, request.cvat)
        if request.student:
            content = read_json(request.predictions, dict[str, Any])
            told = f"{len(people):,} images labeled by people"
            made_by, turned = f"{description}; {told}", labelled.turned
            target = StudentFolder(request.output, names, made_by, turned, request.copy_images)
            student = f"{target.write([*images_of(content, 'train', root), *people])}; {told}"
        page = render_review(request.predictions.name, labelled, thresholds)
        write_atomically(review_of(request.predictions), page)
    finally:
        lines.remove()
    return student


def _check(request: PredictRequest) -> None:
    if request.score_threshold is not None and not 0 <= request.score_threshold <= 1:
        raise UsageError(f"--score-threshold {request.score_threshold}: give 0 to 1.")
    if not 0 < request.most_overlap <= 1:
        raise UsageError(f"--most-overlap {request.most_overlap}: give more than 0, up to 1.")
    for option, file, ending in (
        ("--output", None if request.student else request.output, ".json"),
        ("--label-studio", request.label_studio, ".json"),
        ("--cvat", request.cvat, ".xml"),
    ):
        if file and file.suffix.lower() != ending:
            raise UsageError(f"{option} {file}: give the name of a {ending} file.")
    ours = written_before(request.output)
    for option, path in _results(request):
        if path.exists() and path.resolve() not in ours:
            raise UserError(f"{option} {path}: exists, and nothing is overwritten.")
    if not request.output.parent.is_dir():
        raise UserError(f"--output {request.output}: there is no folder {request.output.parent}.")
    if request.draw and request.draw.exists() and not request.draw.is_dir():
        raise UsageError(f"--draw {request.draw}: is a file; give a folder.")
    if request.copy_images and not request.student:
        raise UsageError("--copy-images goes with --student: it is the images of that folder.")


def _thresholds(
    request: PredictRequest, facts: TeacherFacts
) -> tuple[tuple[ClassThreshold, ...], Floats]:
    """Return the thresholds for a precision, and (C,) the least score of each class."""
    least = facts.score_threshold if request.score_threshold is None else request.score_threshold
    if request.precision is None:
        return (), np.full(len(facts.class_names), least)
    if request.score_threshold is not None:
        raise UsageError("--precision chooses the scores: leave --score-threshold out.")
    chosen = facts.for_precision(request.precision)
    return chosen, np.array([one.score for one in chosen])


def _results(request: PredictRequest) -> Iterator[tuple[str, Path]]:
    """Yield the files written once everything is labeled, and the options that ask for them."""
    yield "--output", request.output
    if not request.student:  # its folder holds the page
        yield "--output", review_of(request.output)
    if request.label_studio:
        yield "--label-studio", request.label_studio
        yield "--label-studio", label_studio_config(request.label_studio)
    if request.cvat:
        yield "--cvat", request.cvat
        yield "--cvat", cvat_labels(request.cvat)


def _made_with(request: PredictRequest, threshold: float) -> dict[str, Any]:
    return {
        "teacher": str(request.teacher.place.resolve()),
        "base": request.teacher.base,
        "tile": request.teacher.tile,
        "overlap": request.teacher.overlap,
        "score_threshold": threshold,
        "precision": request.precision,
        "most_overlap": request.most_overlap,
        "masks": request.masks,
        "sources": [str(source.resolve()) for source in request.sources],
    }


def _look(
    request: PredictRequest,
    teacher: OpenTeacher,
    listed: ImageList,
    thresholds: Floats,
    done: int,
) -> Iterator[PredictedImage]:
    """Yield a line for every image that is not done."""
    sam = SamMasks(request.masks, request.teacher.device) if request.masks else None
    paths = listed.paths(done)
    results = teacher.model.detect(
        paths, teacher.facts.class_names, workers=choose_workers(len(paths))
    )
    for name, path, result in zip(listed.names[done:], paths, results, strict=True):
        if isinstance(result, UnreadableImage):
            yield PredictedImage(name, unreadable=result.reason)
            continue
        found = choose_labels(result, thresholds, request.most_overlap)
        turned = teacher.model.turns_photos
        masks = sam.segment(path, found.box, turned=turned) if sam else []
        yield PredictedImage(
            name,
            width=found.width,
            height=found.height,
            labels=tuple(found.label.tolist()),
            scores=tuple(found.score.round(SCORE_DIGITS).tolist()),
            boxes=tuple(map(tuple, xywh(found.box).round(BOX_DIGITS).tolist())),
            masks=tuple(masks),
        )


def _images_of_split(sources: Sequence[Path], teacher: OpenTeacher) -> Path | None:
    """Return the folder of the images when the only source is one of the run's own splits."""
    if teacher.run is None or len(sources) != 1:
        return None
    for split in teacher.run.dataset_info.splits:
        own = teacher.run.folder.data / f"{split.name}.json"
        if split.image_dir and sources[0].resolve() == own.resolve():
            return Path(split.image_dir)
    return None


def _draw(
    request: PredictRequest,
    root: Path,
    line: PredictedImage,
    teacher: OpenTeacher,
    *,
    again: bool = True,
) -> None:
    """Draw an image where drawings are wanted, one that is there already only `again`."""
    if request.draw is None or line.unreadable:
        return
    target = request.draw / Path(line.name).with_suffix(".jpg")
    if again or not target.is_file():
        draw_detections(
            root / line.name,
            target,
            line.labels,
            line.boxes,
            line.texts(teacher.facts.original_names),
            line.masks,
            turned=teacher.model.turns_photos,
        )
