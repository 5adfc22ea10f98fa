"""The phrase called best, and the images that decide it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_teacher.core.errors import UsageError
from train_teacher.prompt_trials.trials import (
    FEW_OBJECTS,
    candidates,
    compare_phrases,
    mean_precision,
    rounds,
    sample_images,
)
from train_teacher.scores.detections import Detections, GroundTruth

BOX = (10.0, 10.0, 50.0, 50.0)
NAMES = ("cat", "dog")


def one_object_each(labels: list[int]) -> GroundTruth:
    images = np.arange(1, len(labels) + 1)
    return GroundTruth(
        images,
        np.array(labels, np.int64),
        np.tile(np.array(BOX), (len(labels), 1)),
        np.zeros(len(labels), np.bool_),
        images,
    )


def found_in(images: list[int], label: int) -> Detections:
    return Detections(
        np.array(images, np.int64),
        np.full(len(images), label),
        np.linspace(0.9, 0.8, len(images)),
        np.tile(np.array(BOX), (len(images), 1)),
    )


def test_the_name_comes_first_and_no_phrase_twice() -> None:
    phrases = candidates(("Big_Cat", "dog"), {"Big_Cat": ["big cat", "kitty", " kitty. "]})
    assert phrases == (("Big_Cat", "kitty"), ("dog",))
    assert rounds(phrases) == (("Big_Cat", "dog"), ("kitty", "dog"))


@pytest.mark.parametrize(
    ("offered", "said"),
    [
        ({"cta": ["kitty"]}, "did you mean 'cat'"),
        ({"cat": [" "]}, "empty"),
        ({"cat": ["Dog"]}, "'dog' too"),
        ({"cat": ["pet"], "dog": ["pet"]}, "'cat' too"),
    ],
)
def test_phrases_that_cannot_be_tried_are_refused(offered: dict[str, list[str]], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        candidates(NAMES, offered)


def test_a_phrase_that_finds_twice_as_many_objects_is_clearly_better() -> None:
    truth = one_object_each([0] * 20)
    found = [found_in(list(range(1, 11)), 0), found_in(list(range(1, 21)), 0)]
    cat, dog = compare_phrases(NAMES, (("cat", "kitty"), ("dog",)), found, truth)
    assert cat.best == 1
    assert cat.phrases[1].average_precision == 1.0
    assert cat.phrases[1].recall == 1.0
    assert cat.phrases[0].recall == 0.5
    assert dog.objects == 0
    assert dog.best == 0
    assert mean_precision(found[1], truth, NAMES) == 1.0


def test_one_more_object_of_many_is_not_clearly_better() -> None:
    truth = one_object_each([0] * 20)
    found = [found_in(list(range(1, 19)), 0), found_in(list(range(2, 21)), 0)]
    cat, _ = compare_phrases(NAMES, (("cat", "kitty"), ("dog",)), found, truth)
    assert cat.best == 0
    assert cat.phrases[1].beats_name is not None
    assert 0 < cat.phrases[1].beats_name < 0.95


def test_few_objects_decide_nothing() -> None:
    truth = one_object_each([0] * (FEW_OBJECTS - 1))
    found = [found_in([], 0), found_in(list(range(1, FEW_OBJECTS)), 0)]
    cat, _ = compare_phrases(NAMES, (("cat", "kitty"), ("dog",)), found, truth)
    assert cat.phrases[1].beats_name == 1.0
    assert cat.best == 0


@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=60),
    most=st.integers(1, 70),
    seed=st.integers(0, 5),
)
def test_a_sample_has_its_size_and_shows_every_class_that_it_has_room_for(
    labels: list[int], most: int, seed: int
) -> None:
    truth = one_object_each(labels)
    chosen = sample_images(truth, most, seed)
    assert chosen == sample_images(truth, most, seed)
    assert len(chosen) == len(set(chosen)) == min(most, len(labels))
    assert chosen == sorted(chosen)
    shown = {labels[image - 1] for image in chosen}
    assert len(shown) == min(len(set(labels)), most)
