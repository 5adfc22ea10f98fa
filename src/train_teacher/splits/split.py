"""Split of a data set: groups stay together, classes keep their shares, deterministically."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from train_teacher.core.arrays import Ints
from train_teacher.core.errors import UsageError
from train_teacher.splits.balance import Quantities, balance

SUM_TOLERANCE = 1e-6
# Roboflow names an image STEM_jpg.rf.HASH.jpg; augmented copies share the stem.
ROBOFLOW_COPY = re.compile(r"\.rf\.[^./\\]+(\.\w+)?$")
BOXES_COUNT = 0.5
"""Weight of a deviation in boxes of a class, against 1 for its images: an image shows up to a
hundred boxes, and scores are taken over images."""
SIZE_COUNTS = 0.25
"""Weight of a deviation in the number of images, for each class."""


@dataclass(frozen=True)
class LabelledImages:
    """Input of a split: M images in groups that stay together, and their N boxes."""

    file_names: Sequence[str]
    groups: Ints
    """(M,) any numbers, the same for images of one group."""
    image_rows: Ints
    """(N,) the image of each box that training keeps."""
    classes: Ints
    """(N,) its class."""
    class_names: Sequence[str]


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
    """Return the common name of copies of an image: without Roboflow's copy mark."""
    return ROBOFLOW_COPY.sub("", file_name)


def split_images(data: LabelledImages, shares: Mapping[str, float], seed: int) -> dict[str, Ints]:
    """Assign every image to a split.

    Args:
        data: what is split.
        shares: wanted share of each split, the training split first; they are normalized.
        seed: decides between equals.

    Returns:
        For each split the sorted (M,) rows of the images; together all of them, once. The result
        depends on names, groups and labels, not on the order of the JSON.
    """
    if not data.file_names:
        return {name: np.empty(0, np.int64) for name in shares}
    group = _numbered_by_name(data)
    total = sum(shares.values())
    wanted = [share / total for share in shares.values()]
    split = balance(_quantities(data, group, min(wanted)), wanted, seed)[group]
    return {name: np.flatnonzero(split == number) for number, name in enumerate(shares)}


def _numbered_by_name(data: LabelledImages) -> Ints:
    """Return (M,) the groups numbered in the order of their first file name."""
    names = data.file_names
    by_name = np.array(sorted(range(len(names)), key=names.__getitem__), np.int64)
    _, first, inverse = np.unique(data.groups[by_name], return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    numbered = np.empty(len(names), np.int64)
    numbered[by_name] = rank[inverse.reshape(-1)]
    return numbered


def _quantities(data: LabelledImages, group: Ints, least_share: float) -> Quantities:
    """Return the balanced quantities, by group."""
    num_images = len(data.file_names)
    # By name, so that the order of the categories in the file decides nothing.
    names, label_of_class = np.unique(np.array(data.class_names, np.str_), return_inverse=True)
    labels = max(len(names), 1)
    label = label_of_class.reshape(-1)[data.classes] if len(names) else data.classes
    seen, boxes = count_keys(data.image_rows * labels + label)
    seen_row, seen_label = np.divmod(seen, labels)
    several = boxes > 1
    empty = np.ones(num_images, np.bool_)
    empty[data.image_rows] = False
    # Images of each class; their boxes beyond the first, so that most groups have no entry there;
    # images without boxes; images.
    no_boxes, size = 2 * labels, 2 * labels + 1
    width = size + 1
    keys = [
        group[seen_row] * width + seen_label,
        group[seen_row[several]] * width + labels + seen_label[several],
        group[empty] * width + no_boxes,
        group * width + size,
    ]
    ones = np.ones(num_images, np.int64)
    amounts = [np.ones(len(seen), np.int64), boxes[several] - 1, ones[empty], ones]
    cells, values = _summed(np.concatenate(keys), np.concatenate(amounts))
    totals = np.bincount(cells % width, values, minlength=width).astype(np.float64)
    return Quantities(
        starts=np.searchsorted(cells, np.arange(int(group.max()) + 2) * width),
        columns=cells % width,
        values=values.astype(np.float64),
        units=_units(totals, labels, least_share),
        labels=np.arange(width) < labels,
        size=size,
    )


def _units(
    totals: npt.NDArray[np.float64], labels: int, least_share: float
) -> npt.NDArray[np.float64]:
    """Return (F,) the deviation that counts as one, from the (F,) sums over all groups."""
    whole = totals.copy()
    whole[labels : 2 * labels] += totals[:labels]  # a lack of boxes counts against all boxes
    # The addition keeps a label that is too rare to be shared from ruling all others.
    units = whole + 1 / least_share
    units[labels : 2 * labels] /= math.sqrt(BOXES_COUNT)
    units[-1] /= math.sqrt(labels * SIZE_COUNTS + 1)
    return units


def _summed(keys: Ints, amounts: Ints) -> tuple[Ints, Ints]:
    """Return the sorted different keys and the sum of the amounts of each."""
    order = np.argsort(keys, kind="stable")
    cells, counts = count_keys(keys[order])
    return cells, np.add.reduceat(amounts[order], np.cumsum(counts) - counts)


def count_keys(keys: Ints) -> tuple[Ints, Ints]:
    """Return the sorted different keys and how often each occurs."""
    # A stable sort profits from the runs that the keys come in; np.unique would not.
    ordered = np.sort(keys, kind="stable")
    new = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(keys)])
    return ordered[new], np.diff(np.append(new, len(keys)))
