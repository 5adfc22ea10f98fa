"""Validation in batches, with less waiting, and counted faster: the same boxes and scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from demo_model import DEMO_BASE, build_model, demo_batch, make_settings
from train_teacher.mmdet_plugin.accelerated.prediction import class_scores
from train_teacher.mmdet_plugin.host_reads import HostReads
from train_teacher.mmdet_plugin.validation.metric import TeacherCocoMetric


@pytest.fixture(scope="module")
def detector() -> Any:
    return build_model(make_settings(weights=str(DEMO_BASE))).eval()


def loaded(detector: Any, shapes: list[tuple[int, int]]) -> dict[str, list[Any]]:
    """Return a batch as a loader collates it, of images of these heights and widths."""
    generator = torch.Generator().manual_seed(0)
    samples = []
    for height, width in shapes:
        sample = demo_batch(detector)[1][0]
        sample.set_metainfo({"img_shape": (height, width), "ori_shape": (height, width)})
        samples.append(sample)
    inputs = [torch.randint(256, (3, *shape), generator=generator).byte() for shape in shapes]
    return {"inputs": inputs, "data_samples": samples}


@torch.no_grad()
def test_a_image_has_the_same_boxes_alone_and_among_images_of_other_shapes(
    detector: Any,
) -> None:
    shapes = [(192, 160), (160, 192), (192, 160), (224, 224)]
    together = detector.val_step(loaded(detector, shapes))
    for place, sample in enumerate(together):
        batch = loaded(detector, shapes)
        alone = detector.val_step(
            {name: values[place : place + 1] for name, values in batch.items()}
        )
        assert sample.img_shape == shapes[place]
        mine, theirs = sample.pred_instances, alone[0].pred_instances
        torch.testing.assert_close(mine.scores, theirs.scores, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(mine.bboxes[:5], theirs.bboxes[:5], atol=2e-2, rtol=1e-4)
        assert mine.label_names[:5] == theirs.label_names[:5]


@torch.no_grad()
def test_a_validated_batch_is_read_from_the_device_once(detector: Any) -> None:
    shapes = [(192, 160)] * 3
    detector.val_step(loaded(detector, shapes))
    with HostReads() as reads:
        detector.val_step(loaded(detector, shapes))
    assert reads.total <= 8


def test_a_class_scores_the_mean_of_its_tokens() -> None:
    scores = torch.tensor([[[0.2, 0.4, 0.9, 0.1]]])
    found = class_scores(scores, ((0, 1), (2,), (0, 1, 3)))
    torch.testing.assert_close(found, torch.tensor([[[0.3, 0.9, 0.7 / 3]]]))


class Images:
    """A data set of sizes."""

    def __init__(self, *sizes: tuple[int, int]) -> None:
        self.sizes = sizes

    def __len__(self) -> int:
        return len(self.sizes)

    def get_data_info(self, index: int) -> dict[str, int]:
        width, height = self.sizes[index]
        return {"width": width, "height": height}


def order(images: Images) -> list[int]:
    """Return the order in which MMEngine's loader would take them (runner.py:1390)."""
    from mmengine.registry import DATA_SAMPLERS

    given = {"dataset": images, "seed": 3}
    return list(DATA_SAMPLERS.build({"type": "ShapeOrderSampler"}, default_args=given))


def test_images_of_one_aspect_ratio_follow_each_other_and_the_last_stays_last() -> None:
    images = Images((640, 480), (480, 640), (1280, 960), (480, 640), (640, 480))
    assert order(images) == [1, 3, 0, 2, 4]


def test_every_process_keeps_what_fills_it_up_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    images = Images(*[(640, 480) if index % 3 else (480, 640) for index in range(7)])
    rows = []
    for rank in range(2):
        monkeypatch.setattr("mmengine.dataset.sampler.get_dist_info", lambda rank=rank: (rank, 2))
        rows.append(order(images))
    assert rows[1][-1] == 0  # a second time: seven images in two processes
    # MMEngine takes turns and cuts what is too much (dist/dist.py: collect_results).
    collected = [index for turn in zip(*rows, strict=True) for index in turn][:7]
    assert sorted(collected) == list(range(7))


def write_truth(path: Path, images: int, generator: np.random.Generator) -> None:
    annotations: list[dict[str, Any]] = []
    for image in range(1, images + 1):
        for _ in range(int(generator.integers(0, 6))):
            corner, size = generator.integers(0, 150, 2), generator.integers(2, 120, 2)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": int(generator.integers(2, 4)),
                    "bbox": [*corner.tolist(), *size.tolist()],
                    "area": int(size.prod()),
                    "iscrowd": int(generator.random() < 0.1),
                }
            )
    content = {
        "images": [
            {"id": n + 1, "width": 300, "height": 300, "file_name": f"{n}.png"}
            for n in range(images)
        ],
        "annotations": annotations,
        # Nothing is labelled `unseen`: its score is not a number.
        "categories": [{"id": n, "name": name} for n, name in ((2, "a"), (3, "b"), (7, "unseen"))],
    }
    path.write_text(json.dumps(content))


def some_results(path: Path, generator: np.random.Generator) -> list[Any]:
    """Return noisy copies of the labels, and boxes of chance, with tied scores among them."""
    truth = json.loads(path.read_text())
    results: list[Any] = []
    for image in truth["images"]:
        own = [a for a in truth["annotations"] if a["image_id"] == image["id"]]
        boxes = [a["bbox"] for a in own for _ in range(2)] + [[10, 10, 80, 90]] * 3
        near = np.array(boxes, "f4") + generator.normal(0, 5, (len(boxes), 4)).astype("f4")
        near[:, 2:] = near[:, :2] + np.maximum(near[:, 2:], 1)
        labels = [a["category_id"] - 2 for a in own for _ in range(2)] + [0, 1, 2]
        found = {
            "img_id": image["id"],
            "bboxes": near,
            "scores": (generator.integers(0, 20, len(boxes)) / 20).astype("f4"),
            "labels": np.array(labels),
        }
        results.append(({"img_id": image["id"], "width": 300, "height": 300}, found))
    return results


def test_scores_are_those_of_mmdetections_own_metric(tmp_path: Path) -> None:
    from mmdet.evaluation.metrics import CocoMetric

    generator = np.random.default_rng(0)
    path = tmp_path / "val.json"
    write_truth(path, 40, generator)
    results = some_results(path, generator)
    scores = []
    for kind in (CocoMetric, TeacherCocoMetric):
        metric = kind(ann_file=str(path), metric="bbox", classwise=True)
        metric.dataset_meta = {"classes": ("a", "b", "unseen")}
        scores.append(metric.compute_metrics(results))
    stock, ours = scores
    assert list(ours) == list(stock)
    np.testing.assert_equal(
        {k: float(v) for k, v in ours.items()}, {k: float(v) for k, v in stock.items()}
    )
    assert 0.05 < ours["bbox_mAP"] < 0.95
