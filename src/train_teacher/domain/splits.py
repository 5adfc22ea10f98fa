"""Splitting a data set: groups stay together, classes keep their shares, the same for ever."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from train_teacher.domain.coco import CocoDataset
from train_teacher.domain.errors import UsageError

SPLIT_NAMES = ("train", "val", "test")
SUM_TOLERANCE = 1e-6
# Roboflow names a picture STEM_jpg.rf.HASH.jpg; augmented copies share the stem.
ROBOFLOW_COPY = re.compile(r"\.rf\.[^./\\]+(\.\w+)?$")
EMPTY = -1


@dataclass(frozen=True)
class SplitRatio:
    """Shares of the splits; `test` may be zero."""

    train: float
    val: float
    test: float = 0.0

    def shares(self) -> dict[str, float]:
        """Return the share of every split that gets any."""
        shares = {"train": self.train, "val": self.val, "test": self.test}
        return {name: share for name, share in shares.items() if share > 0}


def parse_split(text: str) -> SplitRatio:
    """Read `0.7/0.15/0.15` or `0.8/0.2`.

    Raises:
        UsageError: not two or three positive numbers that sum to 1.
    """
    parts = text.split("/")
    try:
        values = [float(part) for part in parts]
    except ValueError:
        values = []
    if len(values) not in (2, 3) or any(not value > 0 for value in values):
        raise UsageError(
            f"--split {text}: write two or three positive shares of train, val and test, such as "
            "0.7/0.15/0.15 or 0.8/0.2."
        )
    if abs(sum(values) - 1) > SUM_TOLERANCE:
        raise UsageError(f"--split {text}: the shares sum to {sum(values):g}, not to 1.")
    return SplitRatio(*values)


def group_key(file_name: str) -> str:
    """Return what pictures of one origin share: the file name without Roboflow's copy mark."""
    return ROBOFLOW_COPY.sub("", file_name)


def split_images(
    dataset: CocoDataset, shares: Mapping[str, float], seed: int
) -> dict[str, npt.NDArray[np.int64]]:
    """Assign every image to a split.

    Args:
        dataset: the data.
        shares: wanted share of each split; they are normalised.
        seed: of the tie-breaking order.

    Returns:
        For each split the sorted (M,) rows of `dataset.images`; together all of them, once. The
        result depends on file names and classes, not on the order of the JSON.
    """
    groups = _groups(dataset)
    labels = _labels_of_groups(dataset, groups)
    order = sorted(groups)
    random.Random(seed).shuffle(order)
    assigned = _assign(order, groups, labels, shares)
    return {
        name: np.array(sorted(row for key in keys for row in groups[key]), dtype=np.int64)
        for name, keys in assigned.items()
    }


def _groups(dataset: CocoDataset) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for row, image in enumerate(dataset.images):
        groups[group_key(image.file_name)].append(row)
    return dict(groups)


def _labels_of_groups(
    dataset: CocoDataset, groups: Mapping[str, Sequence[int]]
) -> dict[str, dict[int, int]]:
    """Count, per group, the images that show each category; EMPTY counts those without any."""
    columns = dataset.annotations
    usable = (columns.image_row >= 0) & (columns.category_row >= 0)
    shown: dict[int, set[int]] = defaultdict(set)
    pairs = zip(
        columns.image_row[usable].tolist(), columns.category_row[usable].tolist(), strict=True
    )
    for image_row, category_row in pairs:
        shown[image_row].add(category_row)
    labels: dict[str, dict[int, int]] = {}
    for key, rows in groups.items():
        counts: dict[int, int] = defaultdict(int)
        for row in rows:
            for label in shown.get(row, {EMPTY}):
                counts[label] += 1
        labels[key] = dict(counts)
    return labels


def _assign(
    order: Sequence[str],
    groups: Mapping[str, Sequence[int]],
    labels: Mapping[str, Mapping[int, int]],
    shares: Mapping[str, float],
) -> dict[str, list[str]]:
    """Give groups out, rarest category first, each to the split that lacks that category most.

    Iterative stratification (Sechidis et al. 2011) on groups instead of single samples.
    """
    total_share = sum(shares.values())
    wanted = {name: share / total_share for name, share in shares.items()}
    totals: dict[int, int] = defaultdict(int)
    holders: dict[int, list[str]] = defaultdict(list)
    for key in order:
        for label, count in labels[key].items():
            totals[label] += count
            holders[label].append(key)
    num_images = sum(len(rows) for rows in groups.values())
    room = {name: share * num_images for name, share in wanted.items()}
    need = {name: {label: s * totals[label] for label in totals} for name, s in wanted.items()}
    assigned: dict[str, list[str]] = {name: [] for name in wanted}
    done: set[str] = set()
    # Empty images last: they fill what the categories leave.
    for label in sorted(totals, key=lambda x: (x == EMPTY, len(holders[x]), holders[x])):
        todo = sorted(
            (key for key in holders[label] if key not in done), key=lambda k: -len(groups[k])
        )
        for key in todo:
            # Rounded: equal needs must not be told apart by the last bit of a float.
            target = max(wanted, key=lambda name: (round(need[name][label], 9), room[name]))
            assigned[target].append(key)
            done.add(key)
            room[target] -= len(groups[key])
            for held, count in labels[key].items():
                need[target][held] -= count
    _spread_rare_categories(assigned, labels, holders)
    return assigned


def _spread_rare_categories(
    assigned: dict[str, list[str]],
    labels: Mapping[str, Mapping[int, int]],
    holders: Mapping[int, Sequence[str]],
) -> None:
    """Give val, then test, a group of every category that can spare one, rarest first.

    A category without a validation box has no AP, so nobody would see whether it was learned.
    """
    first, *others = assigned
    for position, name in enumerate(others, 2):
        for label in sorted(holders, key=lambda x: (x == EMPTY, len(holders[x]), holders[x])):
            if label == EMPTY or len(holders[label]) < position:
                continue
            if any(label in labels[key] for key in assigned[name]):
                continue
            spare = [key for key in assigned[first] if label in labels[key]]
            if len(spare) > 1:
                moved = min(spare, key=lambda key: len(labels[key]))
                assigned[first].remove(moved)
                assigned[name].append(moved)
