"""Images of one shape are validated together, whatever the number of processes."""

from __future__ import annotations

import pytest

import train_teacher.mmdet_plugin.validation.shape_order  # noqa: F401 - registers the sampler


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
