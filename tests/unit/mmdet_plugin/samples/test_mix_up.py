"""The choice of images that are mixed, of their partners, and the boxes of both afterwards."""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
import pytest
from torch.utils.data import DataLoader

from coco_factory import annotation, category, image, make_coco
from demo_model import build_config, make_info, make_settings

importlib.import_module("train_teacher.mmdet_plugin")

from mmdet.registry import DATASETS  # noqa: E402
from mmdet.structures.bbox import HorizontalBoxes  # noqa: E402
from mmdet.utils import register_all_modules  # noqa: E402

from train_teacher.mmdet_plugin.samples.mix_up import SometimesMixUp  # noqa: E402


def drawn(height: int, width: int, *boxes: tuple[int, int, int, int], label: int) -> dict[str, Any]:
    """Return a black image with white rectangles, as it is after loading and resizing."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for left, top, right, bottom in boxes:
        pixels[top:bottom, left:right] = 255
    return {
        "img": pixels,
        "img_shape": pixels.shape[:2],
        "gt_bboxes": HorizontalBoxes(np.array(boxes, np.float32).reshape(-1, 4)),
        "gt_bboxes_labels": np.full(len(boxes), label),
        "gt_ignore_flags": np.zeros(len(boxes), bool),
    }


def mix(target: dict[str, Any], partner: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    given = {"prob": 1.0, "ratio_range": (1.0, 1.0), "flip_ratio": 1.0, **arguments}
    return SometimesMixUp(**given)({**target, "mix_results": [partner]})


@pytest.mark.parametrize(("flip_ratio", "left", "right"), [(1.0, 20, 40), (0.0, 160, 180)])
def test_the_partners_boxes_lie_where_its_objects_are_seen(
    flip_ratio: float, left: int, right: int
) -> None:
    target = drawn(100, 200, (100, 50, 110, 60), label=0)
    # It is enlarged twice into a canvas of the image's size.
    partner = drawn(50, 50, (10, 10, 20, 20), label=1)
    mixed = mix(target, partner, img_scale=(200, 100), flip_ratio=flip_ratio)
    assert mixed["gt_bboxes"].tensor.tolist() == [[100, 50, 110, 60], [left, 20, right, 40]]
    assert mixed["gt_bboxes_labels"].tolist() == [0, 1]
    assert mixed["img"][30, (left + right) // 2, 0] == 255 // 2, "half of each image"


@pytest.mark.parametrize("seed", range(20))
def test_what_lies_beyond_the_image_is_clipped_or_left_out(seed: int) -> None:
    random.seed(seed)
    target = drawn(100, 100, label=0)
    partner = drawn(100, 100, (0, 0, 40, 40), (60, 50, 90, 95), label=1)
    mixed = mix(target, partner, img_scale=(300, 300))
    boxes = mixed["gt_bboxes"].tensor.numpy()
    assert len(boxes) == len(mixed["gt_bboxes_labels"]) == len(mixed["gt_ignore_flags"])
    assert (boxes >= 0).all()
    assert (boxes <= 100).all()
    white = mixed["img"][..., 0] > 255 // 4
    seen = np.zeros_like(white)
    for left, top, right, bottom in np.rint(boxes).astype(int):
        seen[top:bottom, left:right] = True
    # An edge may be rounded to the next pixel.
    assert (white != seen).sum() <= 2 * (100 + 100)
    assert white[seen].mean() > 0.8 if seen.any() else not white.any()


def test_an_image_without_boxes_gets_those_of_its_partner() -> None:
    partner = drawn(100, 100, (5, 5, 30, 30), label=1)
    mixed = mix(drawn(100, 100, label=0), partner, img_scale=(100, 100))
    assert mixed["gt_bboxes_labels"].tolist() == [1]


class _Records:
    def __init__(self, *boxes: int) -> None:
        self.boxes = boxes

    def __len__(self) -> int:
        return len(self.boxes)

    def get_data_info(self, index: int) -> dict[str, Any]:
        return {"instances": [{}] * self.boxes[index]}


def test_a_share_of_the_images_is_mixed_with_any_that_has_boxes() -> None:
    random.seed(1)
    transform = SometimesMixUp(prob=0.3)
    found = [transform.get_indexes(_Records(1, 0, 2)) for _ in range(3000)]
    assert 0.27 < sum(map(bool, found)) / len(found) < 0.33
    assert {index for indexes in found for index in indexes} == {0, 2}
    assert SometimesMixUp(prob=1.0).get_indexes(_Records(0, 0)) == []


@pytest.fixture(scope="module")
def train_dataset(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the config of a run's training samples; of all, so that all of it is seen, mixed."""
    folder = tmp_path_factory.mktemp("mixed")
    boxes = [
        annotation(10 * number + k, number, 1 + k, bbox=[4 + 9 * k, 5, 20, 10 + number])
        for number in (1, 2, 3, 5, 6)
        for k in range(2)
    ]
    path = make_coco(
        folder,
        images=[image(number) for number in range(1, 7)],
        annotations=boxes,
        categories=[category(1, "a"), category(2, "b")],
    )
    info = make_info(("a", "b"))
    splits = tuple(
        msgspec.structs.replace(split, path=str(path), image_dir=str(path.parent))
        for split in info.splits
    )
    info = msgspec.structs.replace(info, splits=splits)
    register_all_modules(init_default_scope=True)
    config = build_config(make_settings(augmentation="fewshot", negatives=["c"]), info)
    dataset: dict[str, Any] = config.train_dataloader.dataset.to_dict()
    dataset["dataset"]["pipeline"][0]["prob"] = 0.7
    return dataset


def numbers(sample: Any) -> tuple[Any, ...]:
    """Return all that a sample holds, comparable."""
    inputs, found = sample["inputs"], sample["data_samples"]
    labels = [found.text[label] for label in found.gt_instances.labels.tolist()]
    boxes = found.gt_instances.bboxes.tensor.tolist()
    return found.img_id, labels, boxes, found.text, inputs.float().sum().item(), inputs.shape


def samples(config: dict[str, Any], indexes: Iterable[int], workers: int = 0) -> list[Any]:
    dataset = DATASETS.build(config)
    dataset.epoch.value = 4
    return list(map(numbers, DataLoader(dataset, None, sampler=indexes, num_workers=workers)))  # type: ignore[arg-type]


def test_samples_depend_on_seed_epoch_and_image_only(train_dataset: dict[str, Any]) -> None:
    whole = samples(train_dataset, range(6))
    # A run that goes on in mid-epoch, two loader processes, and two training processes.
    assert samples(train_dataset, range(4, 6)) == whole[4:]
    assert samples(train_dataset, range(6), workers=2) == whole
    assert samples(train_dataset, range(0, 6, 2)) == whole[::2]
    assert samples(train_dataset, range(1, 6, 2)) == whole[1::2]
    assert any(len(labels) > 2 for _, labels, *_ in whole)


def test_labels_of_both_are_asked_for_and_boxes_are_inside(train_dataset: dict[str, Any]) -> None:
    for _, labels, boxes, text, _, (_, height, width) in samples(train_dataset, range(6)):
        assert set(labels) <= {"a", "b"} <= set(text)
        for left, top, right, bottom in boxes:
            assert 0 <= left <= right - 1 <= width - 1
            assert 0 <= top <= bottom - 1 <= height - 1


def test_the_config_of_other_augmentations_has_no_second_image() -> None:
    dataset = build_config(make_settings()).train_dataloader.dataset
    assert dataset.dataset.type == "CocoDataset"
