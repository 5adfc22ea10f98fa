"""The replay of MMDetection's loader, rule by rule and against the loader itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coco_factory import annotation, category, image, make_coco
from train_teacher.coco.mmdet_loader import REASONS, trained_rows
from train_teacher.coco.reader import read_coco


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"bbox": [1, 2]}, "unreadable"),
        ({"bbox": ...}, "unreadable"),
        ({"bbox": [float("nan"), 1, 5, 5]}, "unreadable"),
        ({"image_id": 99}, "unknown_image"),
        ({"image_id": 4}, "unreadable"),
        ({"ignore": 1}, "ignore"),
        ({"bbox": [64, 5, 20, 10]}, "outside_image"),
        ({"bbox": [4, 5, 20, -3]}, "outside_image"),
        ({"bbox": [4, 5, 0.9, 10]}, "no_area_or_size"),
        ({"category_id": 99}, "unknown_category"),
        ({"category_id": 2}, "unknown_category"),
        ({"iscrowd": 1}, "crowd"),
        ({"image_id": 3}, "small_image"),
    ],
)
def test_each_reason_is_named(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    images = [image(1), image(2), image(3, height=31), image(4, width=None)]
    file = make_coco(
        tmp_path,
        images=images,
        annotations=[annotation(1), annotation(2, **changes)],
        write_images=False,
    )

    rows = trained_rows(read_coco(file), [0])

    assert rows.dropped == {reason: 1}
    assert rows.kept[:1].all()
    assert rows.kept.sum() == 1
    assert rows.images_kept.tolist() == [True, True, False, False]
    assert reason in REASONS


@pytest.mark.parametrize("changes", [{"area": 0}, {"area": ...}, {"iscrowd": ...}, {"id": 0}])
def test_what_the_canonical_copies_repair_is_kept(tmp_path: Path, changes: dict[str, Any]) -> None:
    record = {k: v for k, v in {**annotation(1), **changes}.items() if v is not ...}
    file = make_coco(tmp_path, annotations=[record], write_images=False)

    assert trained_rows(read_coco(file), [0, 1]).dropped == {}


def test_small_images_stay_in_val_files(tmp_path: Path) -> None:
    file = make_coco(
        tmp_path, images=[image(1, height=20)], annotations=[annotation(1)], write_images=False
    )

    assert trained_rows(read_coco(file), [0], training=False).kept.sum() == 1


NUMBER = st.integers(-5, 80) | st.floats(-5, 80, width=16)
ANNOTATION = st.fixed_dictionaries(
    {
        "image_id": st.integers(1, 4),
        "category_id": st.integers(1, 4),
        "bbox": st.tuples(NUMBER, NUMBER, NUMBER, NUMBER).map(list),
        "area": st.just(1),
        "iscrowd": st.sampled_from([0, 0, 0, 1]),
        "ignore": st.sampled_from([False, False, True]),
    }
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(records=st.lists(ANNOTATION, max_size=12))
def test_the_replay_agrees_with_mmdets_own_loader(
    tmp_path: Path, records: list[dict[str, Any]]
) -> None:
    pytest.importorskip("mmdet")
    pytest.importorskip("train_teacher.mmdet_plugin")
    categories = [category(1, "cat"), category(2, "root"), category(3, "dog")]
    file = make_coco(
        tmp_path,
        images=[image(1), image(2, width=31), image(3, width=32)],
        annotations=[{**r, "id": i + 1} for i, r in enumerate(records)],
        categories=categories,
        write_images=False,
    )

    rows = trained_rows(read_coco(file), [0, 2])

    assert mmdet_counts(file, ["cat", "dog"]) == (
        int(rows.images_kept.sum()),
        int(rows.kept.sum()),
    )
    assert len(records) == rows.kept.sum() + sum(rows.dropped.values())


def mmdet_counts(file: Path, classes: list[str]) -> tuple[int, int]:
    """Return images and boxes to learn that mmdet's CocoDataset makes of a file."""
    from mmdet.datasets import CocoDataset as MmdetDataset

    assert json.loads(file.read_text())["images"]
    dataset = MmdetDataset(
        ann_file=str(file),
        metainfo={"classes": classes},
        data_prefix={"img": ""},
        filter_cfg={"filter_empty_gt": False, "min_size": 32},
        pipeline=[],
        serialize_data=False,
    )
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    kept = sum(not i["ignore_flag"] for info in infos for i in info["instances"])
    return len(infos), kept
