"""Groups go to splits so that every quantity keeps its share."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from train_teacher.splits.balance import Quantities, balance

SHARES = (0.7, 0.15, 0.15)


def quantities_of(groups: list[tuple[int, int]], labels: int = 3) -> Quantities:
    """Return the images of each group, all of one label; the last column counts them all."""
    count = len(groups)
    columns = np.array([[label, labels] for label, _ in groups], np.int64).reshape(-1)
    values = np.array([[size, size] for _, size in groups], np.float64).reshape(-1)
    units = np.maximum(np.bincount(columns, values, minlength=labels + 1), 1)
    is_label = np.arange(labels + 1) < labels
    starts = np.arange(count + 1, dtype=np.int64) * 2
    return Quantities(starts, columns, values, units, is_label, labels)


GROUPS = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 5)), min_size=1, max_size=60)


@given(GROUPS, st.integers(0, 9))
def test_every_group_gets_one_split_the_same_for_the_same_seed_and_train_is_never_empty(
    groups: list[tuple[int, int]], seed: int
) -> None:
    split = balance(quantities_of(groups), SHARES, seed)
    assert len(split) == len(groups)
    assert set(split.tolist()) <= {0, 1, 2}
    assert 0 in split
    assert np.array_equal(split, balance(quantities_of(groups), SHARES, seed))


def test_labels_and_images_keep_their_shares_to_an_image() -> None:
    groups = [(label, 1) for label in range(3) for _ in range(100)]
    split = balance(quantities_of(groups), SHARES, 0)
    for label in range(3):
        own = split[np.array([one == label for one, _ in groups])]
        assert np.abs(np.bincount(own, minlength=3) - [70, 15, 15]).max() <= 1


def test_a_rare_label_is_in_every_split_before_any_split_has_it_twice() -> None:
    groups = [(0, 1)] * 100 + [(1, 1)] * 3
    split = balance(quantities_of(groups), SHARES, 0)
    assert sorted(split[100:].tolist()) == [0, 1, 2]
