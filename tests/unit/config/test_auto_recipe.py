"""The recipe that `--recipe auto` takes, and the fact that decides."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from demo_model import make_info, make_settings
from train_teacher.config.auto_model import GIB
from train_teacher.config.auto_recipe import (
    FEW_BOXES,
    FEW_IMAGES,
    FINDS_MOST,
    FINDS_NOTHING,
    choose_recipe,
)
from train_teacher.config.data_driven import Decision
from train_teacher.inspection.facts import DatasetInfo


def few(boxes: int = 10, images: int = 20) -> DatasetInfo:
    info = make_info()
    train = msgspec.structs.replace(
        info.splits[0], num_images=images, boxes_per_class=(boxes, boxes)
    )
    return msgspec.structs.replace(info, splits=(train, *info.splits[1:]))


def both(
    info: DatasetInfo | None = None, gib: int | None = 24, model: str = "swin-t", **values: Any
) -> tuple[Decision, ...]:
    gpu_bytes = None if gib is None else gib * GIB
    settings = msgspec.structs.replace(make_settings("swin-t"), model=model)
    score = values.get("score", 0.3)
    return choose_recipe(info or few(), gpu_bytes, settings, values.get("tune"), score, "no file")


def chosen(*args: Any, **values: Any) -> Decision:
    (recipe,) = both(*args, **values)
    return recipe


@pytest.mark.parametrize("model", ["swin-t", "swin-l", "auto"])
def test_few_boxes_of_each_class_are_trained_as_published(model: str) -> None:
    found = chosen(model=model)
    assert found.value == "fewshot"
    assert found.reason.startswith("10 boxes a class in 20 images: as few as it was published for")
    assert found.reason.endswith("; base 0.300 mAP")


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (chosen(few(boxes=FEW_BOXES + 1)), "16 boxes a class in 20 images: not few"),
        (chosen(few(images=FEW_IMAGES + 1)), "201 images: not few"),
        (chosen(gib=None), "without a GPU"),
        (chosen(gib=4), "4 GiB cannot train everything"),
        (chosen(gib=16, model="swin-l"), "16 GiB cannot train everything"),
        (chosen(model="demo"), "published for MM Grounding DINO"),
        (chosen(model="grounding-dino-swin-t"), "published for MM Grounding DINO"),
    ],
)
def test_anything_else_stays_with_the_official_recipe(found: Decision, why: str) -> None:
    assert found.value == "official"
    assert why in found.reason


def test_a_way_of_tuning_that_needs_less_memory_fits_where_everything_does_not() -> None:
    assert chosen(gib=4, tune="lora").value == "fewshot"


def test_a_class_without_boxes_does_not_make_them_few() -> None:
    info = few()
    train = msgspec.structs.replace(info.splits[0], boxes_per_class=(0, 900))
    info = msgspec.structs.replace(info, splits=(train, *info.splits[1:]))
    assert chosen(info).value == "official"


def test_an_unknown_score_changes_nothing_and_its_reason_is_told() -> None:
    found = chosen(score=None)
    assert found.value == "fewshot"
    assert found.reason.endswith("; base not scored: no file")


@pytest.mark.parametrize(
    "values", [{"gib": None}, {"model": "demo"}, {"model": "demo", "gib": None}]
)
def test_all_of_a_base_is_trained_that_finds_next_to_nothing(values: dict[str, Any]) -> None:
    recipe, tune = both(score=FINDS_NOTHING / 2, **values)
    assert (recipe.value, tune.name, tune.value) == ("official", "tune", "full")
    assert "next to nothing (0.010 mAP)" in tune.reason
    assert chosen(score=FINDS_NOTHING, **values).value == "official"


@pytest.mark.parametrize(
    "found",
    [
        chosen(score=0.0, gib=None, tune="lora"),
        chosen(score=0.0, gib=4),
        chosen(few(boxes=FEW_BOXES + 1), score=0.0),
    ],
    ids=["the user's tuning", "no memory for it", "many boxes"],
)
def test_tuning_stays_where_all_cannot_or_need_not_be_trained(found: Decision) -> None:
    assert found.value == "official"


def test_a_base_that_finds_most_is_not_retrained_as_a_whole() -> None:
    assert chosen(score=FINDS_MOST).value == "official"
    assert "finds most" in chosen(score=FINDS_MOST).reason
