"""The use case `inspect-data`: read files and images, run the checks, collect the facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from train_teacher.coco.categories import detect_exporter, real_categories
from train_teacher.coco.dataset import CocoDataset
from train_teacher.coco.image_members import ImageFields, read_image_fields
from train_teacher.inspection.checks.data_set_checks import images_per_class
from train_teacher.inspection.checks.exporter_checks import provenance
from train_teacher.inspection.checks.images.image_size_checks import turned_photos
from train_teacher.inspection.checks.registry import CHECKS, FILE_CHECKS
from train_teacher.inspection.facts import (
    DatasetInfo,
    Finding,
    PromptInfo,
    SizeInfo,
    SplitInfo,
    TrainedInfo,
)
from train_teacher.inspection.figures import dropped_by_class, mask_info, size_info
from train_teacher.inspection.inspected import Inspected, InspectedFile, KeptBoxes
from train_teacher.inspection.load import InspectRequest, LoadedSplit
from train_teacher.prompts.caption import (
    TOKEN_LIMIT,
    apply_class_prompts,
    build_prompt,
    given_phrases,
    read_with,
)
from train_teacher.prompts.tokenizer import count_tokens
from train_teacher.splits.groups import VIDEO_FIELDS

EXPLAINED_BY = {"B5": "B17"}
"""The second explains the first: the places of boxes that are alike show no convention."""
MANY_ANNOTATIONS = 100_000
MANY_CATEGORIES = 300
First = TypeVar("First")
Second = TypeVar("Second")
_WORST_FIRST = {"error": 0, "warning": 1, "info": 2}


def describe(splits: Sequence[LoadedSplit], request: InspectRequest) -> DatasetInfo:
    """Return the facts about files that were read."""
    with np.errstate(all="ignore"):
        data = look_at(splits, request)
        findings, sizes = _findings(data)
        return _info(data, request.data, findings, sizes)


def _findings(data: Inspected) -> tuple[list[Finding], SizeInfo]:
    """Return all findings, the worst first, and the sizes, computed in parallel."""
    dataset = data.train.dataset
    # Only the checks of the whole set ask which rows the loader keeps.
    (of_set, sizes), of_files = _at_once(
        lambda: (
            [finding for check in CHECKS for finding in check(data)],
            size_info(dataset, data.train.sizes, data.kept[0].rows),
        ),
        lambda: [finding for file in data.files for finding in _findings_of(file, data)],
        parallel=_is_large(dataset),
    )
    return sorted(of_files + of_set, key=lambda f: (_WORST_FIRST[f.severity], -f.count)), sizes


def _info(data: Inspected, path: Path, findings: Sequence[Finding], sizes: SizeInfo) -> DatasetInfo:
    train, rows = data.train, data.kept[0].rows
    datasets = [file.dataset for file in data.files]
    masks = mask_info(datasets)
    return DatasetInfo(
        path=str(path),
        exporter=detect_exporter(train.dataset, train.fields.known),
        data_root=str(train.dataset.path.absolute().parent),
        image_dir=_text(train.files.image_dir),
        num_images=sum(len(dataset.images) for dataset in datasets),
        num_annotations=sum(len(dataset.raw_annotations) for dataset in datasets),
        num_classes=len(data.classes),
        class_names=tuple(data.phrases),
        has_boxes=any(bool(dataset.annotations.has_bbox.any()) for dataset in datasets),
        has_masks=masks is not None and masks.polygons + masks.run_lengths > masks.rectangles,
        splits=tuple(
            _split_info(file, boxes, len(data.classes))
            for file, boxes in zip(data.files, data.kept, strict=True)
        ),
        prompt=data.prompt,
        findings=tuple(findings),
        trained=TrainedInfo(
            images=int(rows.images_kept.sum()),
            boxes=int(rows.kept.sum()),
            dropped=rows.dropped,
            dropped_by_class=dropped_by_class(train.dataset, rows),
        ),
        sizes=sizes,
        provenance=provenance(train.dataset),
        masks=masks,
        photos_turned=_photos_turned(data.files),
        original_names=data.names,
    )


def look_at(splits: Sequence[LoadedSplit], request: InspectRequest) -> Inspected:
    """Return the input of the checks.

    Raises:
        UsageError: words are given for a class that is not there.
    """
    train = splits[0].dataset
    names = [category.name for category in real_categories(train)]
    phrases = apply_class_prompts(names, request.class_prompts)
    tokens = count_tokens(phrases, request.language_model)
    fields = _image_fields(splits)
    return Inspected(
        files=tuple(
            InspectedFile(split.name, split.dataset, split.files, train=train, fields=part)
            for split, part in zip(splits, fields, strict=True)
        ),
        phrases=phrases,
        given=given_phrases(names, request.class_prompts),
        prompt=PromptInfo(
            text=build_prompt(phrases),
            tokens=tokens.total,
            limit=TOKEN_LIMIT,
            exact=tokens.exact,
            class_tokens=tokens.by_class,
            read=tuple(map(read_with, phrases, tokens.pieces)),
        ),
        pieces=tokens.pieces,
    )


def _image_fields(splits: Sequence[LoadedSplit]) -> tuple[ImageFields, ...]:
    """Return the members of image records, and their values concerning videos.

    The file is read again for that, which a large one with few classes, alone, is spared: it can
    be torn apart by no split and is not LVIS.
    """
    nothing = ImageFields({}, ())
    return tuple(
        nothing
        if len(splits) == 1
        and _is_large(split.dataset)
        and len(split.dataset.categories) < MANY_CATEGORIES
        else read_image_fields(split.dataset, VIDEO_FIELDS)
        for split in splits
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _photos_turned(files: Sequence[LoadedSplit]) -> tuple[int, int]:
    looked = [(file.dataset, file.files.facts) for file in files if file.files.facts is not None]
    counts = [turned_photos(dataset, facts) for dataset, facts in looked]
    return sum(unturned for unturned, _ in counts), sum(shown for _, shown in counts)


def _findings_of(file: InspectedFile, data: Inspected) -> list[Finding]:
    findings = _run(
        [partial(check, file) for check in FILE_CHECKS], parallel=_is_large(file.dataset)
    )
    codes = {f.code for f in findings}
    findings = [f for f in findings if EXPLAINED_BY.get(f.code) not in codes]
    if len(data.files) == 1:
        return findings
    return [msgspec.structs.replace(f, split=file.name) for f in findings]


def _is_large(dataset: CocoDataset) -> bool:
    return len(dataset.annotations) > MANY_ANNOTATIONS


def _at_once(
    first: Callable[[], First], second: Callable[[], Second], *, parallel: bool
) -> tuple[First, Second]:
    if not parallel:
        return first(), second()
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=1) as pool:
        other = pool.submit(_quietly, first)
        found = second()
        return other.result(), found


def _run(checks: Sequence[Callable[[], list[Finding]]], *, parallel: bool) -> list[Finding]:
    """Return all findings; numpy releases the GIL, so threads help."""
    if not parallel:
        return [finding for check in checks for finding in check()]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=2) as pool:
        return [finding for found in pool.map(_quietly, checks) for finding in found]


def _quietly(work: Callable[[], First]) -> First:
    # numpy's error state belongs to a thread; absurd numbers are found, not warned of.
    with np.errstate(all="ignore"):
        return work()


def _split_info(file: InspectedFile, boxes: KeptBoxes, classes: int) -> SplitInfo:
    dataset = file.dataset
    with_boxes = int(np.count_nonzero(np.bincount(boxes.image_rows)))
    return SplitInfo(
        name=file.name,
        path=str(dataset.path),
        image_dir=_text(file.files.image_dir),
        num_images=len(dataset.images),
        num_annotations=len(dataset.raw_annotations),
        num_boxes=len(boxes.labels),
        boxes_per_class=tuple(np.bincount(boxes.labels, minlength=classes).tolist()),
        num_empty_images=len(dataset.images) - with_boxes,
        images_per_class=tuple(images_per_class(boxes.labels, boxes.image_rows, classes).tolist()),
    )
