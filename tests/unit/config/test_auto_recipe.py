"""The recipe that `--recipe auto` takes, and the fact that decides."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from demo_model import make_info, make_settings
from train_teacher.config.auto_model import GIB
from train_teacher.config.auto_recipe import FEW_BOXES, FEW_IMAGES, UNKNOWN, choose_recipe
from train_teacher.config.data_driven import Decision
from train_teacher.inspection.facts import DatasetInfo


def few(boxes: int = 10, images: int = 20) -> DatasetInfo:
    info = make_info()
    train = msgspec.structs.replace(
        info.splits[0], num_images=images, boxes_per_class=(boxes, boxes)
    )
    return msgspec.structs.replace(info, splits=(train, *info.splits[1:]))


def chosen(
    info: DatasetInfo | None = None, gib: int | None = 24, model: str = "swin-t", **values: Any
) -> Decision:
    gpu_bytes = None if gib is None else gib * GIB
    settings = msgspec.structs.replace(make_settings("swin-t"), model=model)
    return choose_recipe(info or few(), gpu_bytes, settings, values.get("tune"))


@pytest.mark.parametrize("model", ["swin-t", "swin-l", "auto"])
def test_few_boxes_of_each_class_are_trained_as_published(model: str) -> None:
    found = chosen(model=model)
    assert found.value == "fewshot"
    assert found.reason.startswith("10 boxes a class in 20 images: as few as it was published for")
    assert found.reason.endswith(UNKNOWN)


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
