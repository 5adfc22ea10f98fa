"""The cost of an audit's runs is reported before, and each part keeps its own labels."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from audited import looked
from train_teacher.audit.folds import seconds_of_folds
from train_teacher.core.errors import UsageError


def test_some_images_come_with_their_labels_alone() -> None:
    data = looked().data
    part = data.part(data.content["images"][0:3:2]).content
    assert [image["id"] for image in part["images"]] == [1, 3]
    assert [label["image_id"] for label in part["annotations"]] == [3]


def test_three_half_runs_on_two_thirds_take_as_long_as_the_run() -> None:
    run: Any = SimpleNamespace(results=SimpleNamespace(cost=SimpleNamespace(total_seconds=600.0)))
    assert seconds_of_folds(run, looked().data, 3) == 600
    run.results = None
    assert seconds_of_folds(run, looked().data, 3) is None
    for folds in (1, 61):
        with pytest.raises(UsageError, match="give 2 to 60 for 120 training images"):
            seconds_of_folds(run, looked().data, folds)
