from typing import Any

import pytest

from train_teacher.settings.recipes import (
    OPTIMIZERS,
    OWN_SETTINGS,
    augmentation_problems,
    optimizer_problems,
)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        ({"type": "AdamWW"}, "Did you mean 'AdamW'?"),
        ({"type": "sgd"}, "Did you mean 'SGD'?"),
        ({"type": "SGD", "momentun": 0.9}, "Did you mean 'momentum'?"),
        ({"type": "AdamW", "lr": 1e-3}, "write `lr:` beside it"),
    ],
)
def test_a_wrong_optimizer_names_what_was_meant(optimizer: dict[str, Any], message: str) -> None:
    assert message in " ".join(optimizer_problems(optimizer, lr_given=True))


def test_sgd_needs_a_learning_rate_of_its_own() -> None:
    wanted = {"type": "SGD", "momentum": 0.9}
    assert "Give `lr` too" in optimizer_problems(wanted, lr_given=False)[0]
    assert optimizer_problems(wanted, lr_given=True) == []
    assert optimizer_problems({"betas": [0.9, 0.99]}, lr_given=False) == []


def test_own_settings_are_not_arguments() -> None:
    assert not any(set(OWN_SETTINGS) & arguments for arguments in OPTIMIZERS.values())


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        ({"prob": 0.5}, "entry 0 has no `type`"),
        ({"type": "PackDetInputs"}, "part of every pipeline"),
        ({"type": "Mosaic"}, "CachedMosaic"),
    ],
)
def test_a_transform_that_cannot_stand_there_is_refused(
    transform: dict[str, Any], message: str
) -> None:
    assert message in augmentation_problems([transform])[0]
