"""Input of a check: one annotation file, or the data set as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from train_teacher.coco.categories import real_categories
from train_teacher.coco.dataset import CategoryRecord, CocoDataset
from train_teacher.coco.image_members import ImageFields
from train_teacher.coco.masks.boxes import HUGE
from train_teacher.coco.mmdet_loader import LoadedRows, trained_rows
from train_teacher.core.arrays import Boxes, Rows, every
from train_teacher.inspection.facts import PromptInfo
from train_teacher.inspection.load import LoadedSplit
from train_teacher.prompts.caption import match_names


@dataclass(frozen=True)
class InspectedFile(LoadedSplit):
    """One annotation file with its images, and the training file it belongs to."""

    train: CocoDataset
    fields: ImageFields
    """Members of its image records, and their values concerning videos."""

    @property
    def is_train(self) -> bool:
        """True for the training file itself."""
        return self.dataset is self.train

    @cached_property
    def sound_boxes(self) -> tuple[Rows, Boxes]:
        """(K,) rows of boxes a model can learn, crowds left out, and (K, 4) these as xywh."""
        columns = self.dataset.annotations
        sound = every(np.abs(columns.bbox) < HUGE) & every(columns.bbox[:, 2:] >= 1)
        sound &= (columns.image_row >= 0) & (columns.category_row >= 0) & (columns.iscrowd != 1)
        return np.flatnonzero(sound), np.stack([column[sound] for column in columns.bbox.T]).T


@dataclass(frozen=True)
class KeptBoxes:
    """The K boxes of one file that MMDetection's loader keeps."""

    rows: LoadedRows
    labels: npt.NDArray[np.int64]
    """(K,) class of each, in the order of the training file."""
    image_rows: npt.NDArray[np.int64]
    """(K,) image of each, as row of `CocoDataset.images`."""


@dataclass(frozen=True)
class Inspected:
    """A data set: all its files, the C classes of the training file, and their words."""

    files: Sequence[InspectedFile]
    """`train` first."""
    phrases: Sequence[str]
    """(C,) what the model reads for each class: its name, cleaned, or the user's phrase."""
    given: Sequence[str]
    """(C,) the same as the JSON or the user wrote it."""
    prompt: PromptInfo
    pieces: Sequence[Sequence[str]]
    """(C,) the WordPieces of it, [UNK] for what the vocabulary lacks; none without a vocabulary."""

    @property
    def train(self) -> InspectedFile:
        """The training file."""
        return self.files[0]

    @cached_property
    def classes(self) -> list[CategoryRecord]:
        """(C,) the categories that are classes, in the order of the training file."""
        return list(real_categories(self.train.dataset))

    @property
    def names(self) -> tuple[str, ...]:
        """(C,) their names as they stand in the training file."""
        return tuple(category.name for category in self.classes)

    @cached_property
    def kept(self) -> tuple[KeptBoxes, ...]:
        """The boxes of each file that are trained or scored."""
        return tuple(_kept_boxes(file, self.names) for file in self.files)


def _kept_boxes(file: InspectedFile, names: Sequence[str]) -> KeptBoxes:
    dataset, columns = file.dataset, file.dataset.annotations
    # Classes are matched by name; a category that is none of them has -1.
    classes = np.array(match_names([c.name for c in dataset.categories], names), np.int64)
    rows = trained_rows(dataset, np.flatnonzero(classes >= 0), file.sizes, training=file.is_train)
    image_rows = columns.image_row[rows.kept]
    labels = classes[columns.category_row[rows.kept]] if len(classes) else image_rows
    return KeptBoxes(rows, labels, image_rows)
