"""Score a teacher on its own validation or test split, or on another COCO file."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from train_teacher.coco.attribute_classes import has_values, with_classes_from
from train_teacher.console.progress import Progress
from train_teacher.core.atomic_file import require_new, write_atomically
from train_teacher.core.errors import UsageError, UserError
from train_teacher.evaluation.base_model import BaseRequest, build_base, read_for_base
from train_teacher.evaluation.labelled_images import LabelledImages, labelled_split, look
from train_teacher.inspection.facts import DatasetInfo
from train_teacher.inspection.load import InspectRequest, LoadedSplit, load_splits
from train_teacher.prompts.caption import apply_class_prompts
from train_teacher.runs.folder import RunFolder
from train_teacher.scores.coco_scores import CocoScores, score, with_every_mask
from train_teacher.scores.detections import Detections, joined
from train_teacher.scores.judgement import judge
from train_teacher.scores.thresholds import ClassThreshold
from train_teacher.scores.validation_files import canonical_truth
from train_teacher.teachers.model import TeacherModel
from train_teacher.teachers.open import OpenTeacher, TeacherRequest, open_teacher
from train_teacher.teachers.sam_masks import SamMasks

Split = Literal["val", "test"]


@dataclass(frozen=True)
class EvaluateRequest:
    """Request for an evaluation: the teacher, the images and the options."""

    teacher: TeacherRequest
    split: Split | None = None
    """Of the run; val when nothing else is asked for."""
    data: Path | None = None
    """Another COCO JSON, or a folder with one."""
    images: Path | None = None
    class_from: str | None = None
    """Member of the annotations of `data` with the class; the run's where `data` has it."""
    own_classes: bool = False
    """Detect the classes of `data` instead of the teacher's."""
    masks: str | None = None
    """SAM model, by name or folder, that makes masks of the boxes found."""
    model: str | None = None
    """Preset whose base is scored on `data`, without a run: `teacher` names no place then."""
    class_prompts: Mapping[str, str] = field(default_factory=dict)
    """Phrases by class name, for `model`."""
    precision: float | None = None
    """Share of right boxes for which each class's score was chosen; to see whether it holds."""
    detections: Path | None = None
    """File to write the detections to, as COCO result records."""


class KeptBoxes(msgspec.Struct, frozen=True):
    """The boxes of one class above the threshold chosen for a precision."""

    name: str
    threshold: ClassThreshold
    """With what it rests on."""
    objects: int
    kept: int
    right: int
    """Of the kept ones, at an overlap of 0.5."""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """A teacher's scores on a data set; the object of `teacher evaluate --format json`."""

    teacher: str
    """Its folder."""
    data: str
    """The file whose labels were the measure."""
    weights: str
    """`trained`, or `base`: what the run started from."""
    num_images: int
    num_objects: int
    """Crowds left out."""
    prompt: tuple[str, ...]
    """Phrases that the model was asked for."""
    scores: CocoScores
    masks: CocoScores | None = None
    """Of masks instead of boxes (`--masks`)."""
    kept: tuple[KeptBoxes, ...] = ()
    """Of each class (`--precision`)."""
    num_without_mask: int = 0
    """Objects that the mask scores leave out."""
    ignored_classes: tuple[str, ...] = ()
    """Classes of the data that the teacher does not know."""
    tiles: str = ""
    """The cutting of large images, in words; the scores are of whole images."""
    seconds: float = 0.0


def evaluate(request: EvaluateRequest, *, progress: Progress | None = None) -> Evaluation:
    """Run a teacher on labeled images and score its detections.

    Raises:
        UserError: teacher or data cannot be used.
        UsageError: options exclude each other.
    """
    _check(request)
    subject = _base(request) if request.model else _teacher(request)
    data, chosen = subject.data, subject.thresholds
    objects = [a for a in data.content["annotations"] if not a["iscrowd"]]
    sam = SamMasks(request.masks, request.teacher.device) if request.masks else None
    if sam and not any(a.get("segmentation") for a in data.content["annotations"]):
        raise UsageError(f"--masks: {data.path} has no masks to compare with.")
    started = time.monotonic()
    model = subject.build()
    found, masks = _detect(model, data, sam, progress)
    results, mask_results = data.results(found), data.results(found, masks) if sam else []
    if request.detections:
        write_atomically(request.detections, msgspec.json.encode(results))
    return Evaluation(
        teacher=request.model or str(request.teacher.place),
        data=data.path,
        weights="base" if request.teacher.base or request.model else "trained",
        num_images=len(data.content["images"]),
        num_objects=len(objects),
        prompt=data.phrases,
        scores=score(data.content, results),
        masks=score(with_every_mask(data.content), mask_results, "segm") if sam else None,
        kept=_kept(data, found, chosen) if chosen else (),
        num_without_mask=sum(not a.get("segmentation") for a in objects) if sam else 0,
        ignored_classes=data.ignored_classes,
        tiles=str(model.tiling or ""),
        seconds=round(time.monotonic() - started, 2),
    )


@dataclass(frozen=True)
class _Subject:
    """A teacher and its images; the detector is built once labels and options were checked."""

    data: LabelledImages
    build: Callable[[], TeacherModel]
    thresholds: tuple[ClassThreshold, ...] = ()
    """Of each class, for `precision`."""


def _teacher(request: EvaluateRequest) -> _Subject:
    teacher = open_teacher(request.teacher)
    chosen = teacher.facts.for_precision(request.precision) if request.precision else ()
    return _Subject(data_of(request, teacher), lambda: teacher.model, chosen)


def _base(request: EvaluateRequest) -> _Subject:
    asked = request.teacher
    read = read_for_base(
        BaseRequest(
            request.data or Path(),
            request.images,
            request.class_from,
            request.model or "",
            asked.weights,
            asked.language_model,
            asked.device,
            request.class_prompts,
        )
    )
    base = replace(read, settings=asked.applied_to(read.settings))
    phrases = apply_class_prompts(base.images.phrases, request.class_prompts)
    images = replace(base.images, phrases=phrases)
    return _Subject(images, lambda: build_base(base, asked.device)[0])


def _detect(
    model: TeacherModel, data: LabelledImages, sam: SamMasks | None, progress: Progress | None
) -> tuple[Detections, list[Any]]:
    """Return the boxes in every image, and a mask of each where there is a `sam`."""
    found, masks = list(look(model, data, data.phrases, progress)), []
    if sam:
        for path, image in zip(data.images, found, strict=True):
            masks += sam.segment(path, image.box, turned=model.turns_photos)
    return joined([image["id"] for image in data.content["images"]], found), masks


def _kept(
    data: LabelledImages, found: Detections, chosen: Sequence[ClassThreshold]
) -> tuple[KeptBoxes, ...]:
    """Count the kept and the right boxes of each class from its threshold on."""
    least = np.array([one.score for one in chosen])
    kept = found.rows(found.score >= least[found.label])
    judged = judge(kept, canonical_truth(data.content), len(chosen))
    counts = [
        np.bincount(kept.label[rows], minlength=len(chosen)).tolist()
        for rows in (judged.flags >= 0, judged.flags == 1)
    ]
    names = [category["name"] for category in data.content["categories"]]
    return tuple(map(KeptBoxes, names, chosen, judged.objects.tolist(), *counts))


def _check(request: EvaluateRequest) -> None:
    if request.model and not request.data:
        raise UsageError("--model goes with --data: a preset holds no images.")
    if request.model and request.precision:
        raise UsageError("--precision needs a trained teacher: leave --model out.")
    if request.class_prompts and not request.model:
        raise UsageError("--class-prompt goes with --model: a teacher has its own phrases.")
    if request.data and request.split:
        raise UsageError("--split names a split of the run: leave it out with --data.")
    if request.own_classes and request.precision:
        raise UsageError("--precision needs the teacher's own classes: leave --own-classes out.")
    for option in ("own_classes", "class_from"):
        if getattr(request, option) and not request.data:
            raise UsageError(f"--{option.replace('_', '-')} goes with --data.")
    require_new("--detections", request.detections)


def _with_classes(split: LoadedSplit, class_from: str | None, teacher: OpenTeacher) -> LoadedSplit:
    own = teacher.run.settings.class_from if teacher.run else None
    if class_from is None and own and has_values(split.dataset, own):
        class_from = own
    if class_from is None:
        return split
    return replace(split, dataset=with_classes_from(split.dataset, class_from))


def data_of(request: EvaluateRequest, teacher: OpenTeacher) -> LabelledImages:
    """Return the labeled images that a request names.

    Raises:
        UserError: they cannot be used.
        UsageError: a bundle is asked for data of its own.
    """
    if request.data:
        names = None if request.own_classes else teacher.facts.original_names
        phrases = None if request.own_classes else teacher.facts.class_names
        read = load_splits(InspectRequest(request.data, images=request.images))[0]
        read = _with_classes(read, request.class_from, teacher)
        return labelled_split(read, names, phrases)
    if teacher.run is None:
        raise UsageError(f"{request.teacher.place}: a bundle holds no data: give --data FILE.")
    return split_of_run(
        teacher.run.folder, teacher.run.dataset_info, request.split or "val", request.images
    )


def split_of_run(
    folder: RunFolder, info: DatasetInfo, name: str, images: Path | None = None
) -> LabelledImages:
    """Return a split of a run, as it was written when the run was planned.

    Raises:
        UserError: the run has none of that name, or its file or its folder of images is gone.
    """
    split = next((s for s in info.splits if s.name == name), None)
    if split is None or split.image_dir is None:
        raise UserError(f"{folder.root}: the run has no {name} split. Give --data FILE.")
    content = folder.read_split(name)
    for category, own in zip(content["categories"], info.own_names, strict=False):
        category["name"] = own
    images = images or Path(split.image_dir)
    if not images.is_dir():
        raise UserError(
            f"{images}: there is no such folder of images. Give their present folder: --images DIR."
        )
    return LabelledImages(str(folder.data / f"{name}.json"), content, images, info.class_names)
