"""Numbers for the plots of the inspection page: a few thousand points at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from train_teacher.core.arrays import Floats, Ints
from train_teacher.inspection.training_scale import Scale
from train_teacher.pages.charts import Histogram

SMALL_SIDES = (8.0, 12.0)
"""Pixels at training scale under which objects are hard to find."""
SIDE_OCTAVES = (0, 11)
ASPECT_OCTAVES = (-4, 4)
BINS_PER_OCTAVE = 4
HEAT_CELLS = 32
MAX_COUNT_BINS = 30
TAIL = 0.995
MAX_POINTS = 400
POINT_GRID = 24


@dataclass(frozen=True)
class BoxSample:
    """The boxes that are trained, and their images."""

    boxes: Floats
    """(N, 4) xywh, pixels of the image."""
    image_rows: Ints
    """(N,) row of `sizes`."""
    sizes: Floats
    """(M, 2) width and height in pixels, NaN where unknown."""


@dataclass(frozen=True)
class InspectionCharts:
    """Numbers that the page draws; an empty histogram has only zeros."""

    scale: Scale
    """The largest of training."""
    box_sides: Histogram
    """sqrt(area) in pixels at training scale."""
    side_median: float
    small_shares: tuple[float, ...]
    """Share of the boxes under each of SMALL_SIDES."""
    centres: Ints
    """(HEAT_CELLS, HEAT_CELLS) boxes by row and column of the normalized image."""
    boxes_per_image: Histogram
    most_boxes: int
    empty_images: int
    image_sizes: Ints
    """(P, 3) width, height, images."""
    sizes_binned: bool
    """True when there were too many sizes, and each point stands for its neighborhood."""
    aspects: Histogram
    """Box width divided by height."""


def join_samples(samples: Sequence[BoxSample]) -> BoxSample:
    """Return the boxes and images of several splits as one.

    Args:
        samples: at least one.
    """
    starts = np.cumsum([0, *(len(sample.sizes) for sample in samples)])[:-1]
    return BoxSample(
        boxes=np.concatenate([sample.boxes for sample in samples]),
        image_rows=np.concatenate(
            [sample.image_rows + start for sample, start in zip(samples, starts, strict=True)]
        ),
        sizes=np.concatenate([sample.sizes for sample in samples]),
    )


def training_scale(sizes: Floats, scale: Scale) -> Floats:
    """Return (M,) the factor by which MMDetection resizes each image, the long side to no more.

    Args:
        sizes: (M, 2) width and height in pixels.
        scale: to which they are resized.
    """
    short, long = sizes.min(axis=1), sizes.max(axis=1)
    with np.errstate(divide="ignore"):
        return np.asarray(np.minimum(scale[0] / short, scale[1] / long), np.float64)


def training_sides(sample: BoxSample, scale: Scale) -> Floats:
    """Return (N,) sqrt(area) of each box, in pixels at training scale."""
    factors = training_scale(sample.sizes, scale)[sample.image_rows]
    return np.asarray(np.sqrt(sample.boxes[:, 2] * sample.boxes[:, 3]) * factors, np.float64)


def median(values: Floats) -> float:
    """Return the median, 0 of nothing."""
    if not len(values):
        return 0.0
    middle = len(values) // 2
    # np.median would import numpy.ma; one partition is all that it does besides.
    return float(np.partition(values, middle)[middle])


def inspection_charts(sample: BoxSample, scale: Scale) -> InspectionCharts:
    """Return the numbers of every plot.

    Args:
        sample: the boxes that are trained; boxes of unknown image size are left out.
        scale: the largest to which images are resized in training.
    """
    known = np.asarray((np.isfinite(sample.sizes) & (sample.sizes > 0)).all(axis=1))
    usable = known[sample.image_rows] & (sample.boxes[:, 2:] > 0).all(axis=1)
    sample = BoxSample(sample.boxes[usable], sample.image_rows[usable], sample.sizes)
    sides = training_sides(sample, scale)
    per_image = np.bincount(sample.image_rows, minlength=len(sample.sizes)).astype(np.int64)
    points, binned = _size_points(sample.sizes[known])
    return InspectionCharts(
        scale=scale,
        box_sides=_octaves(sides, SIDE_OCTAVES),
        side_median=median(sides),
        small_shares=tuple(
            float((sides < limit).mean()) if len(sides) else 0.0 for limit in SMALL_SIDES
        ),
        centres=_centres(sample),
        boxes_per_image=_whole_numbers(per_image),
        most_boxes=int(per_image.max(initial=0)),
        empty_images=int((per_image == 0).sum()),
        image_sizes=points,
        sizes_binned=binned,
        aspects=_octaves(sample.boxes[:, 2] / sample.boxes[:, 3], ASPECT_OCTAVES),
    )


def _octaves(values: Floats, octaves: tuple[int, int]) -> Histogram:
    """Count positive values in logarithmic bins between two powers of two."""
    low, high = octaves
    bins = (high - low) * BINS_PER_OCTAVE
    # Rounded so that a square box, or one of exactly 8 pixels, is not left of its own edge.
    place = np.floor(np.round((np.log2(values) - low) * BINS_PER_OCTAVE, 6))
    number = np.clip(place, 0, bins - 1).astype(np.int64)
    edges = np.exp2(np.arange(bins + 1, dtype=np.float64) / BINS_PER_OCTAVE + low)
    return Histogram(edges, np.bincount(number, minlength=bins), logarithmic=True)


def _centres(sample: BoxSample) -> Ints:
    place = (sample.boxes[:, :2] + sample.boxes[:, 2:] / 2) / sample.sizes[sample.image_rows]
    cell = np.clip(place * HEAT_CELLS, 0, HEAT_CELLS - 1).astype(np.int64)
    flat = np.bincount(cell[:, 1] * HEAT_CELLS + cell[:, 0], minlength=HEAT_CELLS**2)
    return flat.reshape(HEAT_CELLS, HEAT_CELLS)


def _whole_numbers(values: Ints) -> Histogram:
    """Count in equal bins from 0; the few largest values share the last bin."""
    if not len(values):
        return Histogram(np.array([0.0, 1.0]), np.zeros(1, np.int64))
    tail = int(np.sort(values)[int((len(values) - 1) * TAIL)])
    tail = max(tail, min(int(values.max()), MAX_COUNT_BINS - 1))
    step = tail // MAX_COUNT_BINS + 1
    bins = tail // step + 1
    number = np.minimum(values // step, bins - 1)
    return Histogram(
        np.arange(bins + 1, dtype=np.float64) * step, np.bincount(number, minlength=bins)
    )


def _size_points(sizes: Floats) -> tuple[Ints, bool]:
    """Return (P, 3) width, height and how many images, and whether they had to be binned."""
    whole = np.round(sizes).astype(np.int64)
    points = _counted(whole)
    if len(points) <= MAX_POINTS:
        return points, False
    step = np.maximum(whole.max(axis=0) // POINT_GRID + 1, 1)
    return _counted(whole // step * step + step // 2), True


def _counted(pairs: Ints) -> Ints:
    """Return (P, 3) each different pair and how often it occurs."""
    if not len(pairs):
        return np.empty((0, 3), np.int64)
    width = int(pairs[:, 1].max()) + 1
    values, counts = np.unique(pairs[:, 0] * width + pairs[:, 1], return_counts=True)
    return np.stack([values // width, values % width, counts], axis=1)
