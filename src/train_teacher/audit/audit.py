"""Find probable label errors with a teacher that was not trained on the labels."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from train_teacher.audit.folds import folded, seconds_of_folds
from train_teacher.audit.suspects import Looked, Suspect, find_suspects
from train_teacher.console.progress import Progress, clock
from train_teacher.core.errors import UsageError, UserError
from train_teacher.core.words import plural
from train_teacher.engine import machine
from train_teacher.evaluation.evaluate import EvaluateRequest, data_of, split_of_run
from train_teacher.evaluation.labelled_images import LabelledImages, look
from train_teacher.teachers.open import OpenTeacher, open_teacher


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """Labels that a teacher doubts; the object of `teacher audit --format json`."""

    teacher: str
    images: dict[str, int]
    """Audited, by the file that holds their labels."""
    labels: int
    left_out: int
    """Images that the teacher was trained on, and no fold covered."""
    threshold: float
    """Least score of a confident box."""
    suspects: tuple[Suspect, ...]
    """Likeliest errors first."""

    @property
    def kinds(self) -> dict[str, int]:
        """Number of doubted labels of each kind, the most frequent first."""
        return dict(Counter(suspect.kind for suspect in self.suspects).most_common())


@dataclass(frozen=True)
class AuditResult:
    """An audit, and the places of its images."""

    audit: Audit
    places: dict[tuple[str, str], tuple[Path, int, int]]
    """Folder, width and height of an image, by the file of its labels and its name."""
    turned: bool


def audit(
    request: EvaluateRequest, folds: int | None = None, *, progress: Progress | None = None
) -> AuditResult:
    """Compare labels with a teacher's detections; nothing is changed.

    Args:
        request: teacher and data; without data the run's validation and test splits.
        folds: runs that share the training images between them, to audit these too.
        progress: called with images done and in all, for each split.

    Raises:
        UserError: teacher or data cannot be used, or the teacher has seen all of it.
        UsageError: an option does not fit.
    """
    teacher = open_teacher(request.teacher)
    known = _trained_on(teacher)
    left_out = 0 if request.data or folds else len(known)
    parts = []
    for data in _unseen(request, folds, teacher):
        pairs = zip(data.content["images"], data.images, strict=True)
        new = data.part([image for image, path in pairs if path.resolve() not in known])
        left_out += len(data.images) - len(new.images)
        if new.images:
            parts.append(Looked(new, list(look(teacher.model, new, new.phrases, progress))))
    of_folds = list(_by_folds(request, folds, teacher, progress))
    if not parts + of_folds:
        raise UserError(
            f"{request.teacher.place}: was trained on all of these images, so it would agree with "
            "their errors. Add --folds 3, or give other labels with --data."
        )
    facts = teacher.facts
    # Shorter runs know less: their doubts are weighed by their own agreement.
    suspects = [
        suspect
        for group in (parts, of_folds)
        for suspect in find_suspects(group, facts.original_names, facts.score_threshold)
    ]
    audited = [part.data for part in parts + of_folds]
    labels = [label for data in audited for label in data.content["annotations"]]
    places = {
        (data.path, image["file_name"]): (data.image_dir, image["width"], image["height"])
        for data in audited
        for image in data.content["images"]
    }
    return AuditResult(
        Audit(
            teacher=str(request.teacher.place),
            images=dict(Counter(file for file, _ in places)),
            labels=sum(not label["iscrowd"] for label in labels),
            left_out=left_out,
            threshold=facts.score_threshold,
            suspects=tuple(sorted(suspects, key=lambda suspect: -suspect.probability)),
        ),
        places,
        teacher.model.turns_photos,
    )


def _trained_on(teacher: OpenTeacher) -> set[Path]:
    """Return the images that a run learned from; a bundle does not say."""
    if teacher.run is None:
        return set()
    train = next(one for one in teacher.run.dataset_info.splits if one.name == "train")
    images = teacher.run.folder.read_split("train")["images"]
    return {Path(train.image_dir or "", image["file_name"]).resolve() for image in images}


def _unseen(
    request: EvaluateRequest, folds: int | None, teacher: OpenTeacher
) -> Iterator[LabelledImages]:
    if request.data or teacher.run is None:
        if folds is not None:
            raise UsageError("--folds is for the training images of a run, without --data.")
        yield data_of(request, teacher)
        return
    info = teacher.run.dataset_info
    for name in [split.name for split in info.splits if split.name != "train"]:
        yield split_of_run(teacher.run.folder, info, name, request.images)


def _by_folds(
    request: EvaluateRequest, folds: int | None, teacher: OpenTeacher, progress: Progress | None
) -> Iterator[Looked]:
    if teacher.run is None or folds is None:
        return
    data = split_of_run(teacher.run.folder, teacher.run.dataset_info, "train", request.images)
    seconds = seconds_of_folds(teacher.run, data, folds)
    cost = f"about {clock(seconds)} by the time of the run itself" if seconds else "time unknown"
    told = f"{plural(folds, 'LoRA run')} on the training images, half as long as the run: {cost}"
    sys.stderr.write(f"folds: {told}; interrupt to stop; nothing of them is kept\n")
    device = machine.resolve_device(request.teacher.device, "fp32")
    for part, model in folded(teacher.run, data, folds, device):
        yield Looked(part, list(look(model, part, part.phrases, progress)))
