"""MixUp for a share of the images, with a partner drawn from the data set itself."""

from __future__ import annotations

import random
from typing import Any

from mmdet.datasets.transforms import MixUp
from mmdet.registry import TRANSFORMS


@TRANSFORMS.register_module()
class SometimesMixUp(MixUp):
    """mmdet's MixUp with a probability, for MultiImageMixDataset, which loads the partner.

    CachedMixUp has a probability, but takes its partners from what its process loaded before: they
    would change with the number of loader processes and after an interruption. MixUp itself draws
    an index up to and with the number of images, one too many (transforms.py:2592), and loads
    images to see whether they have boxes. All is drawn from Python's global generator, as there.

    Args:
        prob: share of the images that are mixed with another one.
        arguments: those of MixUp.
    """

    def __init__(self, prob: float, **arguments: Any) -> None:
        """Create the transform."""
        super().__init__(**arguments)
        self.prob = prob

    def get_indexes(self, dataset: Any) -> list[int]:
        """Return the partner's index, or nothing: not now, or there is no image with boxes."""
        if random.random() >= self.prob:
            return []
        for _ in range(self.max_iters):
            index = random.randrange(len(dataset))
            if dataset.get_data_info(index)["instances"]:
                return [index]
        return []

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Mix the image with its partner, if it has one; boxes of both are kept."""
        if not results["mix_results"]:
            return results
        mixed: dict[str, Any] = super().transform(results)
        return mixed
