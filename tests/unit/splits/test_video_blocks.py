import numpy as np

from train_teacher.splits.video_blocks import cut, groups_to_cut, tell_of_cut

SHARES = [0.7, 0.15, 0.15]


def to_cut(groups: list[int], classes: list[int] | None = None) -> list[int]:
    """One box an image; every image is its own copy."""
    rows = np.arange(len(groups))
    labels = np.array(classes or [0] * len(groups))
    return groups_to_cut(np.array(groups), rows, rows, labels, SHARES).tolist()


def test_one_video_with_everything_is_cut() -> None:
    assert to_cut([5] * 100) == [5]


def test_videos_that_fit_are_left_whole() -> None:
    assert to_cut([n // 10 for n in range(100)]) == []
    assert to_cut([0] * 70 + [1] * 15 + [2] * 15) == []


def test_only_the_video_that_is_larger_than_train_is_cut() -> None:
    assert to_cut([0] * 80 + [1] * 10 + [2] * 10) == [0]


def test_fewer_videos_than_splits_are_cut() -> None:
    assert to_cut([0] * 50 + [1] * 50) == [0, 1]


def test_groups_that_hold_a_class_each_are_cut_and_small_ones_are_not() -> None:
    groups = [0] * 40 + [1] * 40 + [2] * 40 + [3] * 2
    assert to_cut(groups, [0] * 40 + [1] * 40 + [2] * 40 + [2] * 2) == [0, 1, 2]


def test_copies_of_one_image_cannot_be_cut() -> None:
    groups = np.zeros(50, np.int64)
    rows = np.arange(50)
    assert groups_to_cut(groups, groups, rows, groups, SHARES).tolist() == []


def test_blocks_are_contiguous_and_keep_copies_together() -> None:
    groups = np.zeros(400, np.int64)
    copies = np.arange(400)
    copies[399] = copies[3] = 3
    cut_groups, blocks = cut(groups, copies, np.array([0]), SHARES, lambda row: row)
    assert blocks == 20
    assert cut_groups[3] == cut_groups[399]
    assert (np.diff(cut_groups[:399]) >= 0).all()
    assert set(np.bincount(cut_groups[:399] - cut_groups.min()).tolist()) <= {19, 20}


def test_a_short_video_has_blocks_enough_for_the_shares() -> None:
    rows = np.arange(12)
    _, blocks = cut(np.zeros(12, np.int64), rows, np.array([0]), SHARES, lambda row: row)
    assert blocks == 7


def test_other_groups_are_left_alone() -> None:
    groups = np.array([0] * 30 + [1] * 30)
    cut_groups, _ = cut(groups, np.arange(60), np.array([1]), SHARES, lambda row: -row)
    assert set(cut_groups[:30].tolist()) == {0}
    assert not set(cut_groups[30:].tolist()) & {0, 1}


def test_the_user_is_told_what_a_cut_does_to_scores() -> None:
    told = tell_of_cut(np.zeros(3, np.int64), np.array([0]), 3, ["c.jpg", "a.jpg", "b.jpg"])
    assert "3 of 3 images (first images: a.jpg)" in told
    assert "3 contiguous blocks" in told
    assert "scores may be a little too high" in told
