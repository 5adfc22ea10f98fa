"""Images of any shapes are predicted in batches, with less waiting: the same boxes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from host_reads import HostReads

from demo_model import DEMO_BASE, build_model, demo_batch, make_settings
from train_teacher.mmdet_plugin.accelerated.prediction import class_scores


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
def test_an_image_has_the_same_boxes_alone_and_among_images_of_other_shapes(
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
