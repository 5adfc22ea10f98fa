"""Choices for thirteen kinds of data set, as a table that people can judge.

tests/golden/tuning_table.md is that table. After a wanted change rewrite it with
`python tests/unit/config/test_data_driven.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

TESTS = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TESTS))

# ruff: noqa: E402 - the path or the plugin comes first
from demo_model import make_info, make_settings
from train_teacher.config.data_driven import RULES, tune
from train_teacher.config.generate import GeneratedConfig, generate_mmdet_config
from train_teacher.config.schedule import build_schedule
from train_teacher.inspection.facts import DatasetInfo, PromptInfo, SizeInfo, SplitInfo
from train_teacher.inspection.training_scale import STRIDES

GOLDEN = TESTS / "golden" / "tuning_table.md"


def data_set(
    images: int = 1_000,
    *,
    classes: int = 5,
    boxes: tuple[int, ...] | None = None,
    size: tuple[int, int] = (1280, 960),
    most: int = 12,
    side: float = 120.0,
    val_boxes: int = 300,
    tokens: int | None = None,
) -> DatasetInfo:
    """Return facts of a data set with some properties."""
    per_class = boxes or (max(1, 3 * images // classes),) * classes
    names = tuple(f"class {number}" for number in range(classes))
    info = make_info(names)
    split = info.splits[0]

    def part(name: str, share: float, counts: tuple[int, ...]) -> SplitInfo:
        return msgspec.structs.replace(
            split,
            name=name,
            path=f"/run/data/{name}.json",
            num_images=max(1, int(images * share)),
            num_boxes=sum(counts),
            boxes_per_class=counts,
        )

    val = tuple(val_boxes // classes for _ in per_class)
    needed = tokens if tokens is not None else 2 + 3 * classes
    return msgspec.structs.replace(
        info,
        splits=(part("train", 1.0, per_class), part("val", 0.2, val)),
        prompt=PromptInfo(". ".join(names), needed, 256, True, class_tokens=(3,) * classes),
        sizes=SizeInfo(size[0], size[0], size[1], size[1], min(size), most / 3, most, side),
    )


KINDS: dict[str, DatasetInfo] = {
    "tiny: 24 images": data_set(24, classes=2),
    "a single class, 300 images": data_set(300, classes=1),
    "80 classes, 118,287 images": data_set(
        118_287, classes=80, size=(640, 480), most=93, side=56.0
    ),
    "1,200 classes, 20,000 images": data_set(20_000, classes=1_200, val_boxes=4_000),
    "crowded: up to 400 objects": data_set(600, classes=3, most=400, side=24.0),
    "all-empty validation": data_set(500, val_boxes=0),
    "long tail: 12 classes, 9,000 to 6 boxes": data_set(
        5_000, classes=12, boxes=(9_000, 5_000, 2_500, 1_200, 600, 300, 150, 80, 40, 20, 10, 6)
    ),
    "huge images: 6000 x 4000": data_set(800, size=(6_000, 4_000), side=400.0),
    "tiny images: 96 x 96": data_set(2_000, size=(96, 96), side=40.0),
    "small images with small objects: 416 x 416": data_set(1_500, size=(416, 416), side=20.0),
    "only masks (boxes are derived from them)": data_set(400, classes=4),
    "already split: 3,000 images": data_set(3_000, classes=10),
    "Roboflow folder: 640 x 640, 196 images": data_set(196, classes=1, size=(640, 640), most=3),
}


def chosen(info: DatasetInfo) -> GeneratedConfig:
    """Return what is generated for a data set with the default preset."""
    return generate_mmdet_config(info, make_settings("swin-t", weights="/w/base.pth"))


def table() -> str:
    """Return the document."""
    lines = [
        "# What train-teacher chooses",
        "",
        "Preset swin-t, batch 4, one GPU. Written by tests/unit/config/test_data_driven.py.",
    ]
    for kind, info in KINDS.items():
        generated = chosen(info)
        schedule = generated.schedule
        lines += [
            "",
            f"## {kind}",
            "",
            f"- length: {schedule.epochs} epochs of {schedule.iterations_per_epoch} batches, "
            f"validated every {schedule.val_interval}; learning rate {schedule.lr:g}, warm-up "
            f"{schedule.warmup_steps} steps, a tenth of it after epoch "
            f"{', '.join(map(str, schedule.decay_epochs)) or '-'}",
        ]
        lines += [f"- {d.name}: {_shown(d.value)} ({d.reason})" for d in generated.decisions]
    return "\n".join(lines) + "\n"


def _shown(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], list):
        first, last = value[0], value[-1]
        return f"{first[0]} to {last[0]} / {last[1]}" if first != last else f"{last[0]} / {last[1]}"
    return str(value)


def test_the_choices_for_every_kind_are_the_reviewed_ones() -> None:
    assert table() == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_every_rule_decides_with_a_reason_and_a_source(kind: str) -> None:
    decisions = chosen(KINDS[kind]).decisions
    assert [d.name for d in decisions] == list(RULES)
    assert all(d.reason and d.source for d in decisions)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("tiny: 24 images", "accumulation", 1),
        ("a single class, 300 images", "accumulation", 2),
        ("all-empty validation", "early_stopping", 0),
        ("long tail: 12 classes, 9,000 to 6 boxes", "class_balance", 0.02),
        ("1,200 classes, 20,000 images", "class_balance", 0.0),
        ("crowded: up to 400 objects", "max_per_img", 800),
        ("huge images: 6000 x 4000", "val_scale", [800, 1333]),
    ],
)
def test_the_facts_decide(kind: str, name: str, value: Any) -> None:
    assert {d.name: d.value for d in chosen(KINDS[kind]).decisions}[name] == value


@pytest.mark.parametrize(
    ("image_scale", "side", "largest", "why"),
    [
        ("recipe", 150.0, [800, 1333], "the recipe's scales"),
        ("recipe", 15.0, [992, 1653], "enlarged for small objects"),
        ("native", 150.0, [800, 1333], "--image-scale native"),
        (640, 15.0, [640, 1066], "--image-scale 640"),
    ],
)
def test_the_scales_are_those_of_the_recipe_but_for_small_objects_or_the_user(
    image_scale: str | int, side: float, largest: list[int], why: str
) -> None:
    settings = make_settings("swin-t", image_scale=image_scale)
    decisions = {d.name: d for d in tune(data_set(size=(1_333, 1_000), side=side), settings)}
    assert decisions["val_scale"].value == largest
    assert why in decisions["train_scales"].reason


def test_what_the_user_sets_is_not_decided() -> None:
    settings = make_settings("swin-t", max_per_img=50, train_scales=[[640, 640]], accumulation=4)
    decisions = {d.name: d for d in tune(data_set(), settings)}
    assert decisions["max_per_img"].given
    assert decisions["max_per_img"].value == 50
    assert decisions["val_scale"].value == [640, 640]
    assert decisions["accumulation"].value == 4


@pytest.mark.parametrize(
    ("photos", "value"), [((0, 0), "apply"), ((7, 0), "ignore"), ((0, 7), "apply")]
)
def test_photos_are_turned_as_they_were_labelled(photos: tuple[int, int], value: str) -> None:
    info = msgspec.structs.replace(data_set(), photos_turned=photos)
    generated = chosen(info)
    assert {d.name: d.value for d in generated.decisions}["exif_orientation"] == value
    loaders = {o.key: o.value for o in generated.overrides if o.key.endswith("_dataloader")}
    for loader in loaders.values():
        dataset = loader["dataset"]
        dataset = dataset.get("dataset", dataset)
        first = dataset["pipeline"][0]
        assert ("color_type" in first) == (value == "ignore")


SIZES = st.tuples(st.integers(8, 9_000), st.integers(8, 9_000))


@given(SIZES, st.floats(1, 4_000), st.integers(1, 900), st.integers(1, 200_000))
def test_any_images_give_scales_with_enough_points_for_the_queries(
    size: tuple[int, int], side: float, most: int, images: int
) -> None:
    info = data_set(images, size=size, side=side, most=most)
    decisions = {d.name: d.value for d in chosen(info).decisions}
    for short, long in [*decisions["train_scales"], decisions["val_scale"]]:
        assert short <= long
        assert sum((short // stride) ** 2 for stride in STRIDES) >= 900
    assert 1 <= decisions["max_per_img"] <= 900 * 5


@given(
    st.integers(1, 200_000),
    st.integers(1, 64),
    st.integers(1, 8),
    st.one_of(st.none(), st.integers(1, 300)),
)
def test_warm_up_and_decay_lie_in_the_run_and_it_is_validated_up_to_twenty_times(
    images: int, batch: int, accumulation: int, epochs: int | None
) -> None:
    schedule = build_schedule(images, batch, epochs, accumulation=accumulation)
    assert 0 <= schedule.warmup_steps < schedule.steps
    assert all(0 < epoch < schedule.epochs for epoch in schedule.decay_epochs)
    validations = -(-schedule.epochs // schedule.val_interval)
    assert 1 <= validations <= 20
    if epochs is None and schedule.epochs >= 10:
        assert validations >= 10


if __name__ == "__main__":
    GOLDEN.write_text(table(), encoding="utf-8")
