from typing import Any

import pytest

from train_teacher.core.errors import UsageError
from train_teacher.settings.mmdet_classes import SCHEDULERS, TRANSFORMS, check_entries


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "RandomFlip", "prob": [0.3, 0.2], "direction": ["horizontal", "vertical"]},
        {"type": "PhotoMetricDistortion", "hue_delta": 10},
        {"type": "RandomChoiceResize", "scales": [[1, 2]], "keep_ratio": True},
        {"type": "RandomCrop", "crop_size": [64, 64]},
        {"type": "CachedMixUp", "img_scale": [64, 64]},
        {"type": "Rotate", "prob": 0.5, "level": 3},
    ],
)
def test_transforms_of_mmdet_and_mmcv_are_known_with_their_arguments(entry: dict[str, Any]) -> None:
    check_entries("augmentation", [entry], TRANSFORMS)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"type": "RandomFlipp"}, "Did you mean 'RandomFlip'?"),
        ({"type": "RandomFlip", "probability": 1}, "RandomFlip has no argument 'probability'"),
        ({"type": "Rotate", "max_mags": 1}, "Did you mean 'max_mag'?"),
        ({"type": "BaseTransform"}, "has no 'BaseTransform'"),
    ],
)
def test_a_misspelt_transform_or_argument_names_the_nearest(
    entry: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match="augmentation") as caught:
        check_entries("augmentation", [entry], TRANSFORMS)
    assert message in str(caught.value)


def test_arguments_of_a_scheduler_are_found_through_its_bases() -> None:
    entry = {"type": "CosineAnnealingLR", "T_max": 5, "begin": 0, "end": 5, "by_epoch": True}
    check_entries("schedule", [entry], SCHEDULERS)
    with pytest.raises(UsageError, match="no argument 'T_min'"):
        check_entries("schedule", [{"type": "CosineAnnealingLR", "T_min": 5}], SCHEDULERS)


def test_a_recipe_with_a_name_is_not_looked_up() -> None:
    check_entries("schedule", "cosine", SCHEDULERS)


def test_all_problems_are_told_together() -> None:
    with pytest.raises(UsageError) as caught:
        check_entries("augmentation", [{"type": "A1"}, {"type": "B2"}], TRANSFORMS)
    assert "'A1'" in str(caught.value)
    assert "'B2'" in str(caught.value)
