"""Annotation files and the facts about their images, read for inspection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from train_teacher.coco.attribute_classes import with_classes_from
from train_teacher.coco.dataset import CocoDataset, image_sizes
from train_teacher.coco.encodings import require_known
from train_teacher.coco.reader import read_coco
from train_teacher.coco.split_files import discover_splits
from train_teacher.console.progress import Progress
from train_teacher.images.decoding import decode_images
from train_teacher.images.equal_files import compare_contents
from train_teacher.images.facts import ImageFiles
from train_teacher.images.files import check_image_files, find_image_dir

TRAIN = "train"


@dataclass(frozen=True)
class InspectRequest:
    """Data set to inspect; the paths as the user gave them."""

    data: Path
    val: Path | None = None
    test: Path | None = None
    images: Path | None = None
    check_images: bool = True
    deep: bool = False
    """Decode every image, and look for near duplicates."""
    language_model: Path | str | None = None
    class_prompts: Mapping[str, str] = field(default_factory=dict)
    class_from: str | None = None
    """Member of the annotations whose values are the classes, in place of their categories."""
    encoding: str | None = None
    """Of the annotation files, None to find it out."""


@dataclass(frozen=True)
class LoadedSplit:
    """One annotation file, read, with the facts about its images."""

    name: str
    dataset: CocoDataset
    files: ImageFiles

    @cached_property
    def sizes(self) -> npt.NDArray[np.float64]:
        """(M, 2) width and height in pixels, from the JSON or else the file, NaN if unknown."""
        return image_sizes(self.dataset, self.files.sizes)


def load_splits(
    request: InspectRequest, *, progress: Progress | None = None
) -> tuple[LoadedSplit, ...]:
    """Read the annotation files and check their images, `train` first."""
    require_known(request.encoding)
    names, datasets, files = [], [], []
    for name, path in discover_splits(request.data, request.val, request.test).items():
        dataset = read_coco(path, request.encoding)
        if request.class_from:
            dataset = with_classes_from(dataset, request.class_from)
        image_dir = find_image_dir(dataset, request.images)
        names.append(name)
        datasets.append(dataset)
        files.append(check_image_files(dataset, image_dir, check=request.check_images))
    if request.check_images:
        files = list(compare_contents(list(zip(datasets, files, strict=True))))
        if request.deep:
            files = [
                decode_images(dataset, part, progress=progress)
                for dataset, part in zip(datasets, files, strict=True)
            ]
    return tuple(map(LoadedSplit, names, datasets, files))
