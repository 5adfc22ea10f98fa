"""Validation batches of images of one shape, which need no padding."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.dataset import DefaultSampler
from mmengine.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class ShapeOrderSampler(DefaultSampler):
    """MMEngine's sampler without shuffling; images of one aspect ratio follow each other.

    A ratio is resized to one shape. The last image of every process stays the last: MMEngine
    drops what fills up the processes from the end (dist/dist.py: collect_results).

    Args:
        dataset: whose `get_data_info` knows `width` and `height`.
        seed: as MMEngine hands it to every sampler; nothing is drawn.
    """

    def __init__(self, dataset: Any, seed: int | None = None) -> None:
        """Postpone the ordering: the data set may not be loaded yet."""
        super().__init__(dataset, shuffle=False, seed=seed or 0)
        self._order: list[int] | None = None

    def __iter__(self) -> Iterator[int]:
        """Yield this process's images by ratio."""
        if self._order is None:
            indices = list(super().__iter__())
            ratios = {index: _ratio(self.dataset.get_data_info(index)) for index in indices}
            self._order = [*sorted(indices[:-1], key=ratios.__getitem__), *indices[-1:]]
        return iter(self._order)


def _ratio(info: Mapping[str, Any]) -> tuple[int, int]:
    width, height = int(info["width"]), int(info["height"])
    common = math.gcd(width, height) or 1
    return width // common, height // common


def by_shape(batch: Mapping[str, Sequence[Any]]) -> list[tuple[list[int], dict[str, list[Any]]]]:
    """Return the parts of a batch whose images have one shape.

    Padding changes what the backbone sees at the edge, and with it the boxes: an image's result
    must not depend on the images it is validated with.

    Args:
        batch: `inputs` (3, H, W) each, and `data_samples`.

    Returns:
        Places in the batch, and the images there, by part.
    """
    places: dict[tuple[int, ...], list[int]] = {}
    for place, image in enumerate(batch["inputs"]):
        places.setdefault(tuple(image.shape), []).append(place)
    return [
        (own, {name: [values[place] for place in own] for name, values in batch.items()})
        for own in places.values()
    ]
