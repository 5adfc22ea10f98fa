"""A trained teacher in Python: `from train_teacher import Teacher`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from train_teacher.core.errors import UsageError, UserError
from train_teacher.scores.thresholds import ClassThreshold
from train_teacher.teachers.model import UnreadableImage
from train_teacher.teachers.open import OpenTeacher, TeacherRequest, open_teacher


@dataclass(frozen=True)
class FoundObjects:
    """Detections of a teacher in one image, best first."""

    boxes: npt.NDArray[np.float32]
    """(N, 4) xyxy, pixels of the image as it was given."""
    labels: npt.NDArray[np.int64]
    """(N,) position among the classes that were asked for."""
    scores: npt.NDArray[np.float32]
    """(N,) 0 to 1."""


class Teacher:
    """A detector that is ready for prediction."""

    def __init__(self, opened: OpenTeacher) -> None:
        """Wrap an open teacher; `load` opens one."""
        self._opened = opened

    @classmethod
    def load(cls, place: str | Path, device: str = "auto") -> Teacher:
        """Load a run folder, a bundle of `teacher export`, or its bundle for transformers.

        Raises:
            UserError: it is none of these, or a part of it is missing or damaged.
        """
        return cls(open_teacher(TeacherRequest(Path(place), device=device)))

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes it was trained on, as its data has them, by label."""
        return self._opened.facts.original_names

    @property
    def threshold(self) -> float:
        """Score that balanced precision and recall at validation, or a guess."""
        return self._opened.facts.score_threshold

    def thresholds(self, precision: float) -> tuple[ClassThreshold, ...]:
        """Return the least score of each class for a precision, with confidence.

        Raises:
            UsageError: it is no share.
            UserError: the validation split cannot prove it for any class.
        """
        return self._opened.facts.for_precision(precision)

    def predict(
        self,
        images: Sequence[str | Path | Any],
        classes: Sequence[str] | None = None,
        threshold: float | None = None,
        precision: float | None = None,
    ) -> list[FoundObjects]:
        """Detect objects in images.

        Args:
            images: files, Pillow images, or arrays (height, width, 3) RGB of bytes.
            classes: phrases to detect instead of the classes it was trained on.
            threshold: least score; the teacher's own when None.
            precision: share of right boxes to reach in each of its own classes; see `thresholds`.

        Raises:
            UsageError: no list of images, no class, an array of another form, or a precision with
                `threshold` or `classes`.
            UserError: a file cannot be read, or validation does not prove the precision.
        """
        names = self._opened.facts.class_names if classes is None else tuple(classes)
        if isinstance(images, (str, Path)) or not names:
            raise UsageError("predict: give a list of images, and at least one class.")
        if precision is not None and (classes is not None or threshold is not None):
            raise UsageError("predict: a precision is of the teacher's own classes and thresholds.")
        least = np.full(len(names), self.threshold if threshold is None else threshold)
        if precision is not None:
            least = np.array([one.score for one in self.thresholds(precision)])
        results = []
        for found in self._opened.model.detect([_image(image) for image in images], names):
            if isinstance(found, UnreadableImage):
                raise UserError(f"{found.path}: the image cannot be read ({found.reason}).")
            sure = found.rows(found.score >= least[found.label])
            results.append(
                FoundObjects(sure.box.astype(np.float32), sure.label, sure.score.astype(np.float32))
            )
        return results


def _image(image: Any) -> Path | npt.NDArray[np.uint8]:
    if isinstance(image, (str, Path)):
        return Path(image)
    pixels = np.asarray(image.convert("RGB") if hasattr(image, "convert") else image)
    if pixels.dtype != np.uint8 or pixels.shape[2:] != (3,):
        raise UsageError(
            f"predict: an array of shape {pixels.shape} and type {pixels.dtype}; give "
            "(height, width, 3), RGB, uint8."
        )
    return pixels
