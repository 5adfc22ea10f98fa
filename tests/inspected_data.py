"""Inputs of checks, made of data sets as they are read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from coco_factory import coco
from train_teacher.coco.categories import real_categories
from train_teacher.coco.dataset import CocoDataset
from train_teacher.coco.image_members import ImageFields
from train_teacher.coco.reader import read_coco
from train_teacher.images.facts import FORMATS, ImageFacts, ImageFiles
from train_teacher.inspection.describe import describe
from train_teacher.inspection.facts import DatasetInfo, Finding, PromptInfo
from train_teacher.inspection.inspected import Inspected, InspectedFile
from train_teacher.inspection.load import InspectRequest, load_splits
from train_teacher.prompts.caption import apply_class_prompts, reads_as

FOLDER = Path("images")
NO_ROWS = np.empty(0, np.int64)
NOT_LOOKED_AT = ImageFiles(None, NO_ROWS, {}, checked=False)


def read(folder: Path, name: str = "data.json", **sections: Any) -> CocoDataset:
    """Write a JSON with these sections, clean ones for the rest, and read it."""
    path = folder / name
    path.write_text(json.dumps(coco(**sections)), encoding="utf-8")
    return read_coco(path)


def file_of(
    dataset: CocoDataset,
    files: ImageFiles = NOT_LOOKED_AT,
    *,
    name: str = "train",
    train: CocoDataset | None = None,
    members: Sequence[str] = (),
    videos: Mapping[str, Sequence[Any]] | None = None,
) -> InspectedFile:
    """Return one file as a check sees it: the training file, unless another is given as that.

    Args:
        dataset: the file.
        files: its images.
        name: its split.
        train: the training file.
        members: of its image records.
        videos: what they say of videos.
    """
    fields = ImageFields({key: list(values) for key, values in (videos or {}).items()}, (*members,))
    return InspectedFile(name, dataset, files, dataset if train is None else train, fields)


def data_of(
    *files: InspectedFile | CocoDataset,
    tokens: Sequence[int] | None = None,
    total: int = 100,
    exact: bool = True,
    pieces: Sequence[Sequence[str]] | None = None,
) -> Inspected:
    """Return a data set as a check sees it.

    Args:
        files: `train` first; a data set stands for a file whose images nobody looked at.
        tokens: of each class, one when None.
        total: tokens of all of them.
        exact: whether they were counted.
        pieces: what the vocabulary has of each class; the words themselves when None.
    """
    own = [file_of(file) if isinstance(file, CocoDataset) else file for file in files]
    names = [category.name for category in real_categories(own[0].dataset)]
    counts = (1,) * len(names) if tokens is None else tuple(tokens)
    return Inspected(
        files=own,
        phrases=apply_class_prompts(names, {}),
        given=names,
        prompt=PromptInfo("", total, 256, exact, counts),
        pieces=[reads_as(name).split() for name in names] if pieces is None else pieces,
    )


def inspect_data(request: InspectRequest) -> DatasetInfo:
    """Read everything the request names, and return the facts."""
    return describe(load_splits(request), request)


def images_of(dataset: CocoDataset, **changes: Any) -> ImageFiles:
    """Return sound JPEGs in the sizes of the JSON, with changes: columns of facts, or members.

    Args:
        dataset: the data set.
        changes: `size`, `orientation`, `pixels`, `damage`, `exists`, `format` (by name) of each
            image; `renamed`, `unnamed` and `decoded` of `ImageFiles`.
    """
    count = len(dataset.images)
    formats = [FORMATS.index(name) for name in changes.get("format", ["JPEG"] * count)]
    stated = [(i.width or 64, i.height or 48) for i in dataset.images]
    facts = ImageFacts(
        exists=np.array(changes.get("exists", [True] * count)),
        bytes=np.full(count, 1000),
        size=np.array(changes.get("size", stated), np.int64),
        orientation=np.array(changes.get("orientation", [1] * count), np.int8),
        format=np.array(formats, np.int8),
        pixels=np.array(changes.get("pixels", [0] * count), np.uint8),
        damage=np.array(changes.get("damage", [0] * count), np.int8),
        fingerprint=np.arange(count),
    )
    members = {k: changes[k] for k in ("renamed", "unnamed", "decoded") if k in changes}
    return ImageFiles(FOLDER, NO_ROWS, {}, checked=True, facts=facts, **members)


def only(findings: Sequence[Finding], code: str) -> Finding:
    """Return the one finding of a code."""
    matching = [f for f in findings if f.code == code]
    assert len(matching) == 1, [f.code for f in findings]
    assert len(matching[0].examples) <= 3
    return matching[0]
