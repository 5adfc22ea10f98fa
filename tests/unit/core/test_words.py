"""Numbers, lists and near names as people write them."""

from __future__ import annotations

import pytest

from train_teacher.core.words import did_you_mean, nearest


@pytest.mark.parametrize(("name", "near"), [("epoch", "epochs"), ("LR", "lr"), ("zzz", None)])
def test_the_nearest_name_is_found_whatever_the_case(name: str, near: str | None) -> None:
    assert nearest(name, ["epochs", "lr", "steps"]) == near


def test_a_hint_is_a_sentence_to_append_or_nothing() -> None:
    assert did_you_mean("sgd", ["SGD", "AdamW"]) == " Did you mean 'SGD'?"
    assert did_you_mean("zzz", ["SGD", "AdamW"]) == ""
