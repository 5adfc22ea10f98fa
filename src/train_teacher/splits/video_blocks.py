"""Cutting of groups that are too large to be split: neighbors in a video stay together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from train_teacher.core.arrays import Ints
from train_teacher.core.words import plural
from train_teacher.splits.split import count_keys

TOLERANCE = 0.05
"""A group may exceed the largest share by so much of all images."""
BLOCK_IMAGES, MOST_BLOCKS = 10, 20
"""Few and long blocks have few ends, at which neighboring frames are torn apart."""
SHOWN_GROUPS = 3


def groups_to_cut(
    groups: Ints, copies: Ints, image_rows: Ints, classes: Ints, shares: Sequence[float]
) -> Ints:
    """Return the numbers of the groups that would make a split impossible or useless.

    That is so for all large groups when there are fewer than splits, or when most classes could not
    be in every split; and for any one that is larger than the largest split.

    Args:
        groups: (M,) group of each image.
        copies: (M,) set of copies of each image, inside the groups.
        image_rows: (N,) image of each box.
        classes: (N,) class of each box.
        shares: of the splits, summing to 1.
    """
    numbers, sizes = np.unique(groups, return_counts=True)
    width = int(copies.max(initial=0)) + 1
    parts = count_keys(groups * width + copies)[0] // width
    divisible = np.isin(numbers, parts[1:][parts[1:] == parts[:-1]])
    if len(shares) == 1 or not divisible.any():
        return np.empty(0, np.int64)
    shared = _shared_classes(groups, image_rows, classes, len(shares))
    could_be = _shared_classes(copies, image_rows, classes, len(shares))
    if len(numbers) < len(shares) or 2 * shared < could_be:
        large = min(2 * BLOCK_IMAGES, sizes[divisible].max() / 2)
    else:
        large = (max(shares) + TOLERANCE) * len(groups) + 1
    chosen: Ints = numbers[divisible & (sizes >= large)]
    return chosen


def _shared_classes(groups: Ints, image_rows: Ints, classes: Ints, splits: int) -> int:
    """Return how many classes are in at least as many groups as there are splits."""
    if not len(classes):
        return 0
    width = int(groups.max()) + 1
    pairs, _ = count_keys(classes * width + groups[image_rows])
    return int((np.bincount(pairs // width) >= splits).sum())


def cut(
    groups: Ints,
    copies: Ints,
    numbers: Ints,
    shares: Sequence[float],
    order: Callable[[int], Any],
) -> tuple[Ints, int]:
    """Cut groups into contiguous blocks that do not tear copies apart.

    Args:
        groups: (M,) group of each image.
        copies: (M,) set of copies of each image.
        numbers: the groups to cut.
        shares: of the splits, summing to 1.
        order: from the row of an image to what sorts it among the frames of its video.

    Returns:
        (M,) the new groups, and how many blocks there are.
    """
    cut_groups = groups.copy()
    following = int(groups.max(initial=-1)) + 1
    blocks = 0
    for number in numbers.tolist():
        rows = sorted(np.flatnonzero(groups == number).tolist(), key=order)
        block = _blocks(copies[rows], shares)
        cut_groups[rows] = following + block
        count = int(block.max()) + 1
        following += count
        blocks += count
    return cut_groups, blocks


def _blocks(copies: Ints, shares: Sequence[float]) -> Ints:
    """Return the block of each of the ordered images, copies where the first of them is."""
    _, first, inverse = np.unique(copies, return_index=True, return_inverse=True)
    start = first[inverse.reshape(-1)]
    least = math.ceil(1 / min(shares))
    count = min(len(first), max(least, min(MOST_BLOCKS, len(copies) // BLOCK_IMAGES)))
    block = start * count // len(copies)
    return np.unique(block, return_inverse=True)[1].reshape(-1)


def tell_of_cut(groups: Ints, numbers: Ints, blocks: int, file_names: Sequence[str]) -> str:
    """Return a note on the cut, and its effect on the scores.

    Args:
        groups: (M,) group of each image before.
        numbers: the groups that were cut.
        blocks: how many they became.
        file_names: of the images.
    """
    largest = int(np.isin(groups, numbers).sum())
    names = sorted(
        min(file_names[row] for row in np.flatnonzero(groups == number).tolist())
        for number in numbers.tolist()
    )
    shown = ", ".join(names[:SHOWN_GROUPS]) + (", ..." if len(names) > SHOWN_GROUPS else "")
    return (
        f"{plural(len(numbers), 'group')} of {largest} of {len(groups)} images (first "
        f"images: {shown}) could not be split whole: cut into {blocks} contiguous blocks. Images "
        "at the cuts may look alike, so scores may be a little too high; --val FILE with other "
        "videos gives honest ones."
    )
