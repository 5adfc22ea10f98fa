"""Account of a split: the rule, the result and the unmet shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from train_teacher.core.arrays import Ints
from train_teacher.core.words import plural, shortened
from train_teacher.splits.groups import Grouping
from train_teacher.splits.split import LabelledImages, count_keys

OFF_SHARE = 0.01
"""A split's share may differ by so much, or by one image, without being mentioned."""
OFF_CLASS, OFF_CLASS_IMAGES = 0.25, 2.0
"""A class's images in a split may differ by so much of what was wanted, or so many."""
SHOWN_CLASSES = 20
SHOWN_LINES = 5
NAME_WIDTH = 24


class ClassCounts(msgspec.Struct, frozen=True):
    """One class in all splits."""

    name: str
    groups: int
    """Groups of images that show it."""
    images: dict[str, int]
    boxes: dict[str, int]


class SplitReport(msgspec.Struct, frozen=True):
    """Account of a split; the content of data/split.json."""

    group_by: str
    """The rule as given."""
    seed: int
    found: tuple[str, ...]
    """Reasons why images were joined, in words."""
    num_groups: int
    largest_group: int
    """Images in it."""
    shares_wanted: dict[str, float]
    shares_got: dict[str, float]
    """Shares of the images."""
    images: dict[str, int]
    images_without_boxes: dict[str, int]
    boxes: dict[str, int]
    classes: tuple[ClassCounts, ...]
    not_met: tuple[str, ...]
    notes: tuple[str, ...]
    files: dict[str, str]
    """Split by file name."""


def report_split(
    data: LabelledImages,
    rows: Mapping[str, Ints],
    shares: Mapping[str, float],
    grouping: Grouping,
    *,
    group_by: str,
    seed: int,
) -> SplitReport:
    """Return the account of a split.

    Args:
        data: what was split.
        rows: (M,) image rows of each split.
        shares: wanted, summing to 1.
        grouping: the groups, and how they were found.
        group_by: the rule as given.
        seed: of the split.
    """
    count = len(data.file_names)
    names = list(shares)
    split = np.zeros(count, np.int64)
    for number, name in enumerate(names):
        split[rows[name]] = number
    images, boxes, groups = _count_classes(data, split, len(names))
    labelled = np.zeros(count, np.bool_)
    labelled[data.image_rows] = True
    classes = tuple(
        ClassCounts(
            name=class_name,
            groups=int(groups[place]),
            images=dict(zip(names, images[place].tolist(), strict=True)),
            boxes=dict(zip(names, boxes[place].tolist(), strict=True)),
        )
        for place, class_name in enumerate(data.class_names)
    )
    got = {name: round(len(rows[name]) / max(count, 1), 4) for name in names}
    sizes = np.unique(data.groups, return_counts=True)[1]
    ordered = sorted(range(count), key=data.file_names.__getitem__)
    return SplitReport(
        group_by=group_by,
        seed=seed,
        found=grouping.found,
        num_groups=len(sizes),
        largest_group=int(sizes.max(initial=0)),
        shares_wanted={name: round(share, 4) for name, share in shares.items()},
        shares_got=got,
        images={name: len(rows[name]) for name in names},
        images_without_boxes={name: int((~labelled[rows[name]]).sum()) for name in names},
        boxes={name: int(boxes[:, number].sum()) for number, name in enumerate(names)},
        classes=classes,
        not_met=(*_shares_not_met(shares, got, count), *_classes_not_met(classes, shares)),
        notes=grouping.notes,
        files={data.file_names[row]: names[split[row]] for row in ordered},
    )


def _count_classes(data: LabelledImages, split: Ints, splits: int) -> tuple[Ints, Ints, Ints]:
    """Return (C, S) images and (C, S) boxes by class and split, and (C,) groups by class."""
    classes = len(data.class_names)
    shape = (classes, splits)
    cells = data.classes * splits + split[data.image_rows]
    boxes = np.bincount(cells, minlength=classes * splits).reshape(shape)
    count = max(len(data.file_names), 1)
    seen, _ = count_keys(data.classes * count + data.image_rows)
    of_class, row = np.divmod(seen, count)
    images = np.bincount(of_class * splits + split[row], minlength=classes * splits)
    group = np.unique(data.groups, return_inverse=True)[1].reshape(-1)
    held, _ = count_keys(of_class * count + group[row])
    return images.reshape(shape), boxes, np.bincount(held // count, minlength=classes)


def _shares_not_met(shares: Mapping[str, float], got: Mapping[str, float], count: int) -> list[str]:
    allowed = max(OFF_SHARE, 1 / max(count, 1))
    off = [name for name, share in shares.items() if abs(got[name] - share) > allowed]
    if not off:
        return []
    told = ", ".join(f"{name} {got[name]:.1%} instead of {shares[name]:.1%}" for name in off)
    return [f"shares of the images: {told}; groups stay whole, and rare classes come first"]


def _classes_not_met(classes: Sequence[ClassCounts], shares: Mapping[str, float]) -> list[str]:
    told = []
    for one in classes:
        total = sum(one.images.values())
        absent = [name for name in shares if total and not one.images[name]]
        if absent:
            present = " and ".join(name for name in shares if name not in absent)
            reason = "" if one.groups < len(shares) else ", no room for more"
            told.append(
                f"class {one.name!r} has {plural(one.groups, 'group')} of images: only in "
                f"{present}{reason}"
            )
    off = [(_deviation(one, shares), one.name) for one in classes]
    worst = sorted(((d, name) for d, name in off if d > OFF_CLASS), key=lambda x: (-x[0], x[1]))
    if worst:
        deviation, name = worst[0]
        told.append(
            f"the images of {plural(len(worst), 'class', 'classes')} are off their shares by more "
            f"than {OFF_CLASS:.0%}, most of all {name!r} (by {deviation:.0%})"
        )
    return told


def _deviation(one: ClassCounts, shares: Mapping[str, float]) -> float:
    """Return the largest difference from a share as a part of it, 0 when it is a few images."""
    total = sum(one.images.values())
    differences = [
        (abs(one.images[name] - share * total), share * total) for name, share in shares.items()
    ]
    return max((d / wanted for d, wanted in differences if d > OFF_CLASS_IMAGES), default=0.0)


def split_lines(report: SplitReport) -> list[str]:
    """Return the account as lines of a terminal."""
    images = sum(report.images.values())
    lines = [
        f"split     by {report.group_by}, seed {report.seed}: {plural(images, 'image')} in "
        f"{plural(report.num_groups, 'group')}, the largest of {report.largest_group:,}"
    ]
    lines += [f"          together: {what}" for what in report.found]
    lines += _class_lines(report)
    lines += [f"not met   {what}" for what in report.not_met[:SHOWN_LINES]]
    hidden = len(report.not_met) - SHOWN_LINES
    lines += [f"          and {hidden} more (data/split.json)"] if hidden > 0 else []
    return lines + [f"note      {what}" for what in report.notes]


def _class_lines(report: SplitReport) -> list[str]:
    splits = list(report.images)
    if not 1 < len(report.classes) <= SHOWN_CLASSES:
        return []
    names = [shortened(one.name, NAME_WIDTH) for one in report.classes]
    width = max(map(len, names))
    cells = [
        [f"{one.images[split]}/{one.boxes[split]}" for split in splits] for one in report.classes
    ]
    wide = max(len(cell) for row in [*cells, splits] for cell in row)
    head = "  ".join(split.rjust(wide) for split in splits)
    return [f"  {'images/boxes':<{max(width, 12)}}  {head}"] + [
        f"  {name:<{max(width, 12)}}  {'  '.join(cell.rjust(wide) for cell in row)}"
        for name, row in zip(names, cells, strict=True)
    ]
