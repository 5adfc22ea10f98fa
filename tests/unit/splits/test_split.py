from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_teacher.core.errors import UsageError
from train_teacher.splits.split import (
    LabelledImages,
    count_keys,
    group_key,
    parse_split,
    split_images,
)

SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}
CLASSES = ("cat", "dog", "red car")
# Of one image: its group, and the classes of its boxes.
Images = list[tuple[int, list[int]]]
images_in_groups = st.lists(
    st.tuples(st.integers(0, 12), st.lists(st.integers(0, 2), max_size=4)), min_size=1, max_size=60
)


def labelled(
    images: Sequence[tuple[int, Sequence[int]]],
    classes: Sequence[str] = CLASSES,
    names: Sequence[str] | None = None,
) -> LabelledImages:
    boxes = [(row, one) for row, (_, labels) in enumerate(images) for one in labels]
    table = np.array(boxes, np.int64).reshape(-1, 2)
    return LabelledImages(
        file_names=names or [f"p{row:04d}.jpg" for row in range(len(images))],
        groups=np.array([group for group, _ in images], np.int64),
        image_rows=table[:, 0],
        classes=table[:, 1],
        class_names=classes,
    )


def singles(labels: Sequence[Sequence[int]], classes: Sequence[str] = CLASSES) -> LabelledImages:
    return labelled([(row, boxes) for row, boxes in enumerate(labels)], classes)


def names_by_split(data: LabelledImages, seed: int = 0) -> dict[str, set[str]]:
    rows = split_images(data, SHARES, seed)
    return {name: {data.file_names[row] for row in part.tolist()} for name, part in rows.items()}


def images_by_class(
    data: LabelledImages, rows: dict[str, npt.NDArray[np.int64]]
) -> dict[str, list[int]]:
    """Return, for each split, how many images show each class."""
    counts = {}
    boxes = set(zip(data.image_rows.tolist(), data.classes.tolist(), strict=True))
    for name, part in rows.items():
        members = set(part.tolist())
        seen = {(row, one) for row, one in boxes if row in members}
        counts[name] = [sum(c == k for _, c in seen) for k in range(len(data.class_names))]
    return counts


@given(images=images_in_groups, seed=st.integers(0, 9))
def test_every_image_is_in_exactly_one_split(images: Images, seed: int) -> None:
    rows = np.concatenate(list(split_images(labelled(images), SHARES, seed).values()))
    assert sorted(rows.tolist()) == list(range(len(images)))


@given(images=images_in_groups, seed=st.integers(0, 9))
def test_a_group_is_never_torn_apart(images: Images, seed: int) -> None:
    data = labelled(images)
    groups = [set(data.groups[rows].tolist()) for rows in split_images(data, SHARES, seed).values()]
    assert sum(map(len, groups)) == len(set.union(*groups))


@given(images=images_in_groups, seed=st.integers(0, 3), random=st.randoms(use_true_random=False))
def test_the_order_of_images_annotations_and_categories_changes_nothing(
    images: Images, seed: int, random: object
) -> None:
    data = labelled(images)
    shuffle = np.random.default_rng(getattr(random, "randint")(0, 10**6)).permutation  # noqa: B009 (hypothesis types it as an object)
    order, boxes, classes = shuffle(len(images)), shuffle(len(data.classes)), shuffle(3)
    place, class_place = np.argsort(order), np.argsort(classes)
    mixed = LabelledImages(
        file_names=[data.file_names[row] for row in order],
        groups=17 - data.groups[order],
        image_rows=place[data.image_rows[boxes]],
        classes=class_place[data.classes[boxes]],
        class_names=[CLASSES[number] for number in classes],
    )
    assert names_by_split(mixed, seed) == names_by_split(data, seed)


def test_another_seed_gives_another_split() -> None:
    data = singles([[0]] * 50)
    assert names_by_split(data, 0) != names_by_split(data, 1)
    assert names_by_split(data, 0) == names_by_split(data, 0)


@given(images=images_in_groups, seed=st.integers(0, 9))
def test_a_class_in_enough_groups_is_in_every_split(images: Images, seed: int) -> None:
    # One image a group and one class an image: nothing stands in the way but the number of images.
    data = singles([labels[:1] for _, labels in images])
    counts = images_by_class(data, split_images(data, SHARES, seed))
    totals = [sum(count[number] for count in counts.values()) for number in range(3)]
    if max(totals) < 2:
        return  # val takes one of a class that train then lacks
    for number, total in enumerate(totals):
        assert (counts["train"][number] > 0) == (total > 0)
        assert (counts["val"][number] > 0) == (total > 1)
        if len(images) >= 30:
            assert (counts["test"][number] > 0) == (total > 2)


def test_a_class_with_a_single_image_stays_in_train() -> None:
    data = singles([[0]] * 30 + [[1]] * 2 + [[2]])
    for seed in range(10):
        counts = images_by_class(data, split_images(data, SHARES, seed))
        assert [counts[name][2] for name in SHARES] == [1, 0, 0]
        assert [counts[name][1] for name in SHARES] == [1, 1, 0]


def test_classes_and_empty_images_keep_their_shares() -> None:
    data = singles([[0]] * 100 + [[1]] * 40 + [[]] * 60)
    rows = split_images(data, SHARES, 0)
    assert images_by_class(data, rows)["val"] == [15, 6, 0]
    assert images_by_class(data, rows)["test"] == [15, 6, 0]
    assert [int((rows[name] >= 140).sum()) for name in SHARES] == [42, 9, 9]


def test_boxes_are_shared_as_images_are() -> None:
    # Half of the images are crowded: they could all end up on one side.
    data = singles([[0]] * 100 + [[0] * 20] * 100)
    rows = split_images(data, SHARES, 0)
    assert [len(rows[name]) for name in SHARES] == [140, 30, 30]
    assert [int((rows[name] >= 100).sum()) for name in SHARES] == [70, 15, 15]


def long_tail(images: int, classes: int, seed: int, groups: int | None = None) -> LabelledImages:
    random = np.random.default_rng(seed)
    odds = 1 / np.arange(1, classes + 1)
    counts = random.poisson(4, images)
    drawn = random.choice(classes, counts.sum(), p=odds / odds.sum())
    ends = np.cumsum(counts)
    number = random.integers(0, groups, images) if groups else np.arange(images)
    return labelled(
        [
            (int(group), drawn[end - count : end].tolist())
            for group, count, end in zip(number, counts, ends, strict=True)
        ],
        [f"class {k:04d}" for k in range(classes)],
    )


@pytest.mark.parametrize("groups", [None, 300])
def test_every_class_of_a_long_tail_keeps_its_share(groups: int | None) -> None:
    data = long_tail(3000, 30, 1, groups)
    counts = images_by_class(data, split_images(data, SHARES, 0))
    totals = np.array([counts[name] for name in SHARES]).sum(axis=0)
    allowed = 0.12 if groups is None else 0.3
    for name, share in SHARES.items():
        assert np.abs(np.array(counts[name]) / totals / share - 1).max() < allowed


def test_twelve_hundred_classes_do_not_take_the_images_from_train() -> None:
    data = long_tail(4000, 1200, 2)
    rows = split_images(data, SHARES, 0)
    assert len(rows["train"]) / 4000 == pytest.approx(0.7, abs=0.02)
    counts = images_by_class(data, rows)
    totals = np.array([counts[name] for name in SHARES]).sum(axis=0)
    assert all(np.array(counts["train"])[totals > 0] > 0)
    common = totals >= 10
    assert common.sum() > 200
    assert all(np.array(counts["val"])[common] > 0)


def test_classes_of_three_images_do_not_halve_the_training_set() -> None:
    # One image of each class in every split would leave a third of the images for training.
    data = singles([[number % 1200] for number in range(3600)], [str(k) for k in range(1200)])
    rows = split_images(data, SHARES, 0)
    assert len(rows["train"]) > 0.6 * 3600


@pytest.mark.parametrize(
    ("labels", "sizes"),
    [
        ([[0]], [1, 0, 0]),
        ([[]], [1, 0, 0]),
        ([[0], [0]], [1, 1, 0]),
        ([[0]] * 3, [1, 1, 1]),
        ([[0], [1], [2]], [2, 1, 0]),
        ([[], [], []], [1, 1, 1]),
        ([[]] * 20, [14, 3, 3]),
        ([[0]] * 20, [14, 3, 3]),
    ],
)
def test_few_images_are_given_to_train_first(labels: list[list[int]], sizes: list[int]) -> None:
    rows = split_images(singles(labels), SHARES, 0)
    assert [len(rows[name]) for name in SHARES] == sizes


def test_no_images_make_empty_splits() -> None:
    assert [len(rows) for rows in split_images(singles([]), SHARES, 0).values()] == [0, 0, 0]


def test_two_categories_of_one_name_are_one_class() -> None:
    data = singles([[0]] + [[1]] * 2 + [[2]] * 40, ("cat", "cat", "dog"))
    rows = split_images(data, SHARES, 0)
    assert [int((part < 3).sum()) for part in rows.values()] == [1, 1, 1]


def test_few_large_groups_come_as_near_to_the_shares_as_they_can() -> None:
    sizes = (10, 40, 15, 15, 12, 8)
    images = [(group, [0]) for group, size in enumerate(sizes) for _ in range(size)]
    rows = split_images(labelled(images), SHARES, 3)
    assert [len(rows[name]) for name in SHARES] == [70, 15, 15]


@given(keys=st.lists(st.integers(-5, 5)))
def test_keys_are_counted_as_numpy_counts_them(keys: list[int]) -> None:
    values, counts = count_keys(np.array(keys, np.int64))
    expected = np.unique(np.array(keys, np.int64), return_counts=True)
    assert values.tolist() == expected[0].tolist()
    assert counts.tolist() == expected[1].tolist()


def test_roboflows_copies_share_a_key() -> None:
    assert group_key("a_jpg.rf.01ab.jpg") == group_key("a_jpg.rf.99ff.jpg")
    assert group_key("a_jpg.rf.01ab.jpg") != group_key("b_jpg.rf.01ab.jpg")


@pytest.mark.parametrize("text", ["", "0.7", "a/b", "0.5/0.2", "1.2/-0.2", "0.7/0.3/0", "nan/1"])
def test_shares_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--split"):
        parse_split(text)


def test_two_shares_leave_no_test_split() -> None:
    assert parse_split("0.8/0.2").shares() == {"train": 0.8, "val": 0.2}
