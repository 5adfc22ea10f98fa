"""Assignment of groups of images to splits that keeps every quantity near its share.

Greedy stratification after Sechidis, Tsoumakas and Vlahavas 2011 (rarest label first), on groups
instead of samples and on several quantities at once (images and boxes of each class, images without
boxes, all images), then swaps as long as they help.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

import numpy as np
import numpy.typing as npt

from train_teacher.core.arrays import Floats, Ints

MOST_TRIED = 50
"""Groups looked at to give a split its first one of a label."""
OVERFLOW, OVERFLOW_GROUPS = 1.25, 2
"""A split may grow this far beyond its share, and by so many images, to see a rare label."""
MOST_SAMPLED, LEAST_SAMPLED = 384, 64
SAMPLE_NUMBERS = 120_000
"""Size of the table of sampled groups and quantities: keeps 1,200 classes as quick as 80."""
MOST_ROUNDS, PATIENCE = 300, 12
"""Rounds of swaps, and rounds in a row without a gain after which they end."""
DIGITS = 9
"""Gains are compared rounded: the last bits of a sum depend on the machine."""
LEAST_GAIN = 1e-9


@dataclass(frozen=True)
class Quantities:
    """Amount of each of F quantities in each of G groups, row by row, without zeros."""

    starts: Ints
    """(G + 1,) where the entries of each group begin."""
    columns: Ints
    values: Floats
    units: Floats
    """(F,) how large a deviation must be to count as one, such as the sum over all groups."""
    labels: npt.NDArray[np.bool_]
    """(F,) True for what every split should have some of: the images of a class."""
    size: int
    """Column of the number of images."""

    @property
    def count(self) -> int:
        """G."""
        return len(self.starts) - 1

    def totals(self) -> Floats:
        """Return (F,) the sum over all groups."""
        totals = np.bincount(self.columns, self.values, minlength=len(self.units))
        return totals.astype(np.float64)

    def table(self, rows: Ints) -> Floats:
        """Return (len(rows), F) with zeros."""
        lengths = self.starts[rows + 1] - self.starts[rows]
        offsets = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        entries = np.repeat(self.starts[rows], lengths) + offsets
        table = np.zeros((len(rows), len(self.units)))
        table[np.repeat(np.arange(len(rows)), lengths), self.columns[entries]] = self.values[
            entries
        ]
        return table


def balance(quantities: Quantities, shares: Sequence[float], seed: int) -> Ints:
    """Return (G,) the split of each group.

    Args:
        quantities: of the groups, in an order that does not depend on the file.
        shares: of the splits, summing to 1; the first one takes what cannot be shared.
        seed: decides between equals.
    """
    chance = random.Random(seed)
    order = list(range(quantities.count))
    chance.shuffle(order)
    state = _State(quantities, np.asarray(shares, np.float64))
    ordered = _rarest_first(quantities, np.array(order, np.int64))
    _give_every_split_every_label(state, ordered)
    state.put(_give_the_rest(state, ordered))
    _fill_splits_without_labels(state, ordered)
    _exchange(state, chance)
    return state.split


class _State:
    """Split of each group, and the distance of every quantity from its share."""

    def __init__(self, quantities: Quantities, shares: Floats) -> None:
        totals = quantities.totals()
        self.quantities = quantities
        self.shares = shares
        self.images = float(totals[quantities.size])
        self.split: Ints = np.full(quantities.count, -1, np.int64)
        self.surplus: Floats = -shares[:, None] * totals
        """(S, F) what a split has above its share, negative while it lacks."""
        # As in chi-square, a small split's lack counts for more than a large one's.
        self.scale: Floats = 1 / (shares[:, None] * quantities.units**2)
        self.holders: Ints = np.zeros((len(shares), len(totals)), np.int64)
        """(S, F) groups in a split that hold some of the quantity."""
        self.starts: list[int] = quantities.starts.tolist()

    def entries(self, group: int) -> tuple[Ints, Floats]:
        part = slice(self.starts[group], self.starts[group + 1])
        return self.quantities.columns[part], self.quantities.values[part]

    def costs(self, group: int) -> Floats:
        """Return (S,) what giving the group to each split adds to the sum of squares."""
        columns, values = self.entries(group)
        added = (2 * self.surplus[:, columns] + values) * self.scale[:, columns]
        costs: Floats = added @ values
        return costs

    def give(self, group: int, split: int) -> None:
        columns, values = self.entries(group)
        before = int(self.split[group])
        if before >= 0:
            self.surplus[before, columns] -= values
            self.holders[before, columns] -= 1
        self.split[group] = split
        self.surplus[split, columns] += values
        self.holders[split, columns] += 1

    def put(self, split: Ints) -> None:
        """Place all groups at once.

        Args:
            split: (G,) the split of each.
        """
        shape = self.surplus.shape
        group_of = np.repeat(np.arange(self.quantities.count), np.diff(self.quantities.starts))
        cells = split[group_of] * shape[1] + self.quantities.columns
        held = np.bincount(cells, self.quantities.values, minlength=self.surplus.size)
        self.split = split
        self.surplus = held.reshape(shape) - self.shares[:, None] * self.quantities.totals()
        self.holders = np.bincount(cells, minlength=self.surplus.size).reshape(shape)

    def sizes(self) -> Floats:
        """Return (S,) the number of images in each split."""
        sizes: Floats = self.surplus[:, self.quantities.size] + self.shares * self.images
        return sizes


def _rarest_first(quantities: Quantities, order: Ints) -> Ints:
    """Return the groups ordered by their rarest label, then the largest first, then as given."""
    holders = np.bincount(quantities.columns, minlength=len(quantities.units))
    never = quantities.count + 1
    rarity = np.where(quantities.labels, holders, never)[quantities.columns]
    rarest = np.minimum.reduceat(rarity, quantities.starts[:-1]) if quantities.count else rarity
    sizes = np.zeros(quantities.count)
    is_size = quantities.columns == quantities.size
    group_of = np.repeat(np.arange(quantities.count), np.diff(quantities.starts))
    sizes[group_of[is_size]] = quantities.values[is_size]
    ordered: Ints = order[np.lexsort((-sizes[order], rarest[order]))]
    return ordered


def _give_every_split_every_label(state: _State, ordered: Ints) -> None:
    """Give each split, the first one first, a group of every label, the rarest label first.

    A class without a validation box has no score, so its learning could not be measured.
    """
    quantities = state.quantities
    position = np.empty(quantities.count, np.int64)
    position[ordered] = np.arange(len(ordered))
    of_label = quantities.labels[quantities.columns]
    group_of = np.repeat(np.arange(quantities.count), np.diff(quantities.starts))[of_label]
    columns = quantities.columns[of_label]
    by_column = np.argsort(columns * quantities.count + position[group_of], kind="stable")
    bounds = np.searchsorted(columns[by_column], np.arange(len(quantities.units) + 1))
    holders = np.diff(bounds)
    room = state.shares * state.images * OVERFLOW + OVERFLOW_GROUPS
    wanted = np.flatnonzero(quantities.labels & (holders > 0))
    for label in wanted[np.argsort(holders[wanted], kind="stable")].tolist():
        groups = group_of[by_column[bounds[label] : bounds[label + 1]]]
        free = groups[state.split[groups] < 0]
        for split in range(len(state.shares)):
            if state.holders[split, label]:
                continue
            group = _cheapest(state, free[:MOST_TRIED].tolist(), split, room)
            if group is not None:
                state.give(group, split)
                free = free[free != group]


def _give_the_rest(state: _State, ordered: Ints) -> Ints:
    """Return (G,) the splits, with every unassigned group where it costs least."""
    split: list[int] = state.split.tolist()
    columns, values = state.quantities.columns.tolist(), state.quantities.values.tolist()
    # Plain numbers: for the few entries of a group, numpy's calls cost ten times as much.
    slopes, scales = (2 * state.surplus * state.scale).tolist(), state.scale.tolist()
    own = [
        np.add.reduceat(state.quantities.values**2 * scale, state.quantities.starts[:-1]).tolist()
        for scale in state.scale[:, state.quantities.columns]
    ]
    for group in ordered.tolist():
        if split[group] >= 0:
            continue
        part = slice(state.starts[group], state.starts[group + 1])
        held, amounts = columns[part], values[part]
        costs = [
            squares[group] + sum(map(mul, amounts, map(slope.__getitem__, held)))
            for slope, squares in zip(slopes, own, strict=True)
        ]
        split[group] = chosen = costs.index(min(costs))
        slope, scale = slopes[chosen], scales[chosen]
        for column, amount in zip(held, amounts, strict=True):
            slope[column] += 2 * amount * scale[column]
    return np.array(split, np.int64)


def _cheapest(state: _State, groups: list[int], split: int, room: Floats) -> int | None:
    """Return the group that the split can take at the least cost, None when none fits."""
    sizes = state.sizes()
    best, least = None, np.inf
    for group in groups:
        columns, values = state.entries(group)
        size = float(values[columns == state.quantities.size].sum())
        if split and sizes[split] + size > room[split]:
            continue
        cost = round(float(state.costs(group)[split]), DIGITS)
        if cost < least:
            best, least = group, cost
    return best


def _fill_splits_without_labels(state: _State, ordered: Ints) -> None:
    """Take a group from the first split for every split without a label, or without any image.

    The second split, which steers training, even takes the last group of a label: without one there
    is no score to steer by.
    """
    labels = state.quantities.labels
    for split in range(1, len(state.shares)):
        if state.holders[split, labels].any():
            continue
        first = ordered[state.split[ordered] == 0].tolist()
        labelled = [group for group in first if len(_labels_of(state, group))]
        candidates = [group for group in labelled if _can_leave(state, group)]
        if not candidates and split == 1 and len(labelled) > 1:
            candidates = labelled
        if not candidates and len(first) > 1 and not (state.split == split).any():
            candidates = [group for group in first if not len(_labels_of(state, group))]
        chosen = _cheapest(state, candidates[-MOST_TRIED:], split, np.full(split + 1, np.inf))
        if chosen is not None:
            state.give(chosen, split)


def _labels_of(state: _State, group: int) -> Ints:
    columns, _ = state.entries(group)
    return columns[state.quantities.labels[columns]]


def _can_leave(state: _State, group: int) -> bool:
    return bool((state.holders[state.split[group], _labels_of(state, group)] > 1).all())


def _exchange(state: _State, chance: random.Random) -> None:
    """Move single groups and swap pairs, among a sample at a time, while that helps."""
    count = state.quantities.count
    width = len(state.quantities.units)
    sample = min(count, max(LEAST_SAMPLED, min(MOST_SAMPLED, SAMPLE_NUMBERS // width)))
    patience = 1 if sample == count else PATIENCE
    idle = 0
    for _ in range(MOST_ROUNDS):
        rows = np.array(sorted(chance.sample(range(count), sample)), np.int64)
        table = state.quantities.table(rows)
        idle = 0 if _improve(state, rows, table) else idle + 1
        if idle >= patience:
            return


def _improve(state: _State, rows: Ints, table: Floats) -> bool:
    """Make the best move or swap among these groups; return whether one helped."""
    labels = state.quantities.labels
    home = state.split[rows]
    last_of_label = (state.holders[:, labels][home] < 2) & (table[:, labels] > 0)  # noqa: PLR2004 (one)
    movable = ~last_of_label.any(axis=1)
    squares = (table**2) @ state.scale.T
    linear = 2 * table @ (state.surplus * state.scale).T
    here = np.arange(len(rows)), home
    leave = (squares - linear)[here]
    costs = leave[:, None] + squares + linear
    costs[here] = np.inf
    costs[~movable] = np.inf
    groups_left = np.bincount(state.split, minlength=len(state.shares))
    single = costs.copy()
    single[groups_left[home] == 1] = np.inf
    best, target = np.unravel_index(int(single.round(DIGITS).argmin()), single.shape)
    gain, moves = float(single[best, target]), [(int(best), int(target))]
    for one in range(len(state.shares)):
        for other in range(one + 1, len(state.shares)):
            first = np.flatnonzero(movable & (home == one))
            second = np.flatnonzero(movable & (home == other))
            if not len(first) or not len(second):
                continue
            both = (table[first] * (state.scale[one] + state.scale[other])) @ table[second].T
            pairs = costs[first, other][:, None] + costs[second, one] - 2 * both
            a, b = np.unravel_index(int(pairs.round(DIGITS).argmin()), pairs.shape)
            if pairs[a, b] < gain - LEAST_GAIN:
                gain = float(pairs[a, b])
                moves = [(int(first[a]), other), (int(second[b]), one)]
    if not gain < -LEAST_GAIN:
        return False
    for position, split in moves:
        state.give(int(rows[position]), split)
    return True
