"""The use case `inspect-data`: read the files, look for the images, tell what will be trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from train_teacher.coco.categories import detect_exporter, real_categories
from train_teacher.coco.dataset import CocoDataset
from train_teacher.coco.image_members import ImageFields, read_image_fields
from train_teacher.coco.mmdet_loader import LoadedRows, trained_rows
from train_teacher.console.progress import Progress
from train_teacher.inspection.checks.area_and_crowd_checks import check_attributes
from train_teacher.inspection.checks.box_checks import check_boxes
from train_teacher.inspection.checks.category_checks import check_categories
from train_teacher.inspection.checks.class_list_checks import check_names_between
from train_teacher.inspection.checks.class_name_checks import (
    check_class_tokens,
    check_names,
    check_token_budget,
)
from train_teacher.inspection.checks.data_set_checks import (
    check_every_class_present,
    check_no_validation,
    check_object_size,
    check_something_to_train,
    check_training_set,
    images_per_class,
)
from train_teacher.inspection.checks.duplicate_image_checks import check_duplicates
from train_teacher.inspection.checks.exporter_checks import check_exporter, provenance
from train_teacher.inspection.checks.file_checks import check_file
from train_teacher.inspection.checks.image_checks import check_contents, check_missing_images
from train_teacher.inspection.checks.image_name_checks import check_unnamed_images
from train_teacher.inspection.checks.image_size_checks import turned_photos
from train_teacher.inspection.checks.mask_checks import check_masks
from train_teacher.inspection.checks.missing_label_checks import (
    check_partial_labelling,
    check_skipped_frames,
)
from train_teacher.inspection.checks.placement_checks import check_placement
from train_teacher.inspection.checks.reference_checks import check_references
from train_teacher.inspection.checks.shared_video_checks import check_shared_videos
from train_teacher.inspection.checks.unread_member_checks import check_members
from train_teacher.inspection.checks.wording_checks import ClassText, check_wording
from train_teacher.inspection.facts import (
    DatasetInfo,
    Finding,
    PromptInfo,
    SizeInfo,
    SplitInfo,
    TrainedInfo,
)
from train_teacher.inspection.figures import dropped_by_class, mask_info, size_info
from train_teacher.inspection.load import InspectRequest, LoadedSplit, load_splits
from train_teacher.prompts.caption import (
    TOKEN_LIMIT,
    apply_class_prompts,
    build_prompt,
    given_phrases,
    match_names,
)
from train_teacher.prompts.tokenizer import count_tokens
from train_teacher.splits.groups import VIDEO_FIELDS

TRAIN = "train"
ONLY_IN_TRAIN = frozenset({"R7", "N12", "I7"})
"""The category list is the training file's, elsewhere N13 speaks; small images are kept in val."""
EXPLAINED_BY = {"B5": "B17"}
"""Where most boxes are alike, their places say nothing of how they were drawn."""
MANY_ANNOTATIONS = 100_000
MANY_CATEGORIES = 300
Check = Callable[[], list[Finding]]
First = TypeVar("First")
Second = TypeVar("Second")
_WORST_FIRST = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True)
class _TrainingFacts:
    """What the loader makes of every file, and what that says about the training set."""

    loaded: Sequence[LoadedRows]
    findings: Sequence[Finding]
    sizes: SizeInfo


def inspect_data(request: InspectRequest, *, progress: Progress | None = None) -> DatasetInfo:
    """Read everything the request names and return the facts.

    Args:
        request: what to look at.
        progress: called with images decoded and in all (`deep`).

    Raises:
        UserError: a file cannot be used at all (F1, F3, F4), or a path does not exist.
    """
    return describe(load_splits(request, progress=progress), request)


def describe(splits: Sequence[LoadedSplit], request: InspectRequest) -> DatasetInfo:
    """Return the facts about files that were read.

    Args:
        splits: `train` first.
        request: where they came from.
    """
    with np.errstate(all="ignore"):
        return _describe(splits, request)


def _describe(splits: Sequence[LoadedSplit], request: InspectRequest) -> DatasetInfo:
    train = splits[0]
    classes = real_categories(train.dataset)
    names = apply_class_prompts([c.name for c in classes], request.class_prompts)
    tokens = count_tokens(names, request.language_model)
    prompt = PromptInfo(
        text=build_prompt(names),
        tokens=tokens.total,
        limit=TOKEN_LIMIT,
        exact=tokens.exact,
        class_tokens=tokens.by_class,
    )
    texts = given_phrases([c.name for c in classes], request.class_prompts)
    fields = _image_fields(splits)
    training, findings = _at_once(
        lambda: _training_facts(splits, [c.name for c in classes]),
        lambda: [
            f
            for split, part in zip(splits, fields, strict=True)
            for f in _findings_of(split, train, part.known, len(splits) > 1)
        ],
        parallel=_is_large(train.dataset),
    )
    loaded = training.loaded
    infos = tuple(
        _split_info(split, rows, [c.name for c in classes])
        for split, rows in zip(splits, loaded, strict=True)
    )
    findings += [
        f for info in infos[1:] for f in check_every_class_present(info, infos[0], classes)
    ]
    findings += check_names(classes, names)
    findings += check_wording(
        [ClassText(*of) for of in zip(classes, texts, tokens.by_class, tokens.unknown, strict=True)]
    )
    findings += [*check_token_budget(prompt), *check_class_tokens(classes, names, prompt)]
    findings += training.findings
    shown = [(split.name, split.dataset, split.files) for split in splits]
    findings += [*check_duplicates(shown), *check_unnamed_images(shown)]
    findings += check_shared_videos(
        [(split.name, split.dataset) for split in splits], [part.values for part in fields]
    )
    findings += check_no_validation([split.name for split in splits])
    masks = mask_info([split.dataset for split in splits])
    findings.sort(key=lambda f: (_WORST_FIRST[f.severity], -f.count))
    return DatasetInfo(
        path=str(request.data),
        exporter=detect_exporter(train.dataset, fields[0].known),
        data_root=str(train.dataset.path.absolute().parent),
        image_dir=_text(train.files.image_dir),
        num_images=sum(len(s.dataset.images) for s in splits),
        num_annotations=sum(len(s.dataset.raw_annotations) for s in splits),
        num_classes=len(names),
        class_names=names,
        has_boxes=any(bool(s.dataset.annotations.has_bbox.any()) for s in splits),
        has_masks=masks is not None and masks.polygons + masks.run_lengths > masks.rectangles,
        splits=infos,
        prompt=prompt,
        findings=tuple(findings),
        trained=TrainedInfo(
            images=int(loaded[0].images_kept.sum()),
            boxes=int(loaded[0].kept.sum()),
            dropped=loaded[0].dropped,
            dropped_by_class=dropped_by_class(train.dataset, loaded[0]),
        ),
        sizes=training.sizes,
        provenance=provenance(train.dataset),
        masks=masks,
        photos_turned=_photos_turned(splits),
        original_names=tuple(c.name for c in classes),
    )


def _image_fields(splits: Sequence[LoadedSplit]) -> tuple[ImageFields, ...]:
    """Return what image records say of videos, and which members they have.

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


def _photos_turned(splits: Sequence[LoadedSplit]) -> tuple[int, int]:
    looked = [(s.dataset, s.files.facts) for s in splits if s.files.facts is not None]
    counts = [turned_photos(dataset, facts) for dataset, facts in looked]
    return sum(unturned for unturned, _ in counts), sum(shown for _, shown in counts)


def _class_of_category(dataset: CocoDataset, names: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return (K,) the class of each category row, -1 when it is none; matched by name."""
    return np.array(match_names([c.name for c in dataset.categories], names), np.int64)


def _replay(split: LoadedSplit, names: Sequence[str]) -> LoadedRows:
    classes = _class_of_category(split.dataset, names)
    return trained_rows(
        split.dataset, np.flatnonzero(classes >= 0), split.sizes, training=split.name == TRAIN
    )


def _findings_of(
    split: LoadedSplit, train: LoadedSplit, members: Sequence[str], several: bool
) -> list[Finding]:
    dataset, files = split.dataset, split.files
    findings = _run(
        [
            lambda: check_placement(dataset, split.sizes),
            lambda: check_boxes(dataset, split.sizes),
            lambda: check_masks(dataset, split.sizes),
            lambda: check_references(dataset),
            lambda: check_attributes(dataset),
            lambda: check_members(dataset),
            lambda: check_file(dataset, files.sizes if files.checked else None),
            lambda: check_categories(dataset),
            lambda: check_exporter(dataset, members),
            lambda: check_missing_images(dataset, files.image_dir, files.missing),
            lambda: check_contents(dataset, files),
        ],
        parallel=_is_large(dataset),
    )
    codes = {f.code for f in findings}
    findings = [f for f in findings if EXPLAINED_BY.get(f.code) not in codes]
    if split is not train:
        findings = [f for f in findings if f.code not in ONLY_IN_TRAIN]
        findings += check_names_between(train.dataset, dataset, split.name)
    if not several:
        return findings
    return [msgspec.structs.replace(f, split=split.name) for f in findings]


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


def _run(checks: Sequence[Check], *, parallel: bool) -> list[Finding]:
    """Return what all checks find; numpy lets go of the interpreter, so threads help."""
    if not parallel:
        return [finding for check in checks for finding in check()]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=2) as pool:
        return [finding for found in pool.map(_quietly, checks) for finding in found]


def _quietly(work: Callable[[], First]) -> First:
    # numpy's error state belongs to a thread; absurd numbers are found, not warned of.
    with np.errstate(all="ignore"):
        return work()


def _training_facts(splits: Sequence[LoadedSplit], names: Sequence[str]) -> _TrainingFacts:
    loaded = [_replay(split, names) for split in splits]
    return _TrainingFacts(
        loaded=loaded,
        findings=_findings_of_training(splits[0], loaded[0], names),
        sizes=size_info(splits[0].dataset, splits[0].sizes, loaded[0]),
    )


def _findings_of_training(
    train: LoadedSplit, rows: LoadedRows, names: Sequence[str]
) -> list[Finding]:
    columns = train.dataset.annotations
    classes = _class_of_category(train.dataset, names)
    image_rows = columns.image_row[rows.kept]
    labels = classes[columns.category_row[rows.kept]] if len(classes) else image_rows
    return [
        *check_something_to_train(train.dataset, len(names), int(rows.kept.sum())),
        *check_training_set(train.dataset, labels, image_rows),
        *check_partial_labelling(train.dataset, names, labels, image_rows),
        *check_skipped_frames(train.dataset, names, labels, image_rows),
        *check_object_size(train.dataset, train.sizes, rows),
    ]


def _split_info(split: LoadedSplit, rows: LoadedRows, names: Sequence[str]) -> SplitInfo:
    dataset = split.dataset
    columns = dataset.annotations
    classes = _class_of_category(dataset, names)
    image_rows = columns.image_row[rows.kept]
    kept = classes[columns.category_row[rows.kept]] if len(classes) else np.empty(0, np.int64)
    with_boxes = int(np.count_nonzero(np.bincount(image_rows)))
    return SplitInfo(
        name=split.name,
        path=str(dataset.path),
        image_dir=_text(split.files.image_dir),
        num_images=len(dataset.images),
        num_annotations=len(dataset.raw_annotations),
        num_boxes=int(rows.kept.sum()),
        boxes_per_class=tuple(np.bincount(kept, minlength=len(names)).tolist()),
        num_empty_images=len(dataset.images) - with_boxes,
        images_per_class=tuple(images_per_class(kept, image_rows, len(names)).tolist()),
    )
