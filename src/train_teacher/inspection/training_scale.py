"""Image sizes for training, where no setting gives them: the recipe's, or chosen from the data."""

from __future__ import annotations

from train_teacher.inspection.facts import SizeInfo

DEFAULT_QUERIES = 900
"""num_queries of the base configs; a preset's `architecture` may name another."""
OFFICIAL_SHORT = tuple(range(480, 801, 32))
"""Short sides of grounding_dino_swin-t_finetune_8xb4_20e_cat.py."""
SHORT_SIDE, LONG_SIDE = OFFICIAL_SHORT[-1], 1333
STEP = 32
"""Pixels: the coarsest stride but one, so that levels are whole."""
SMALL_OBJECT = 32.0
"""Pixels of the median box at training scale below which images are enlarged: COCO's small
objects end there."""
LARGEST_SHORT = 1333
ENLARGED = ((32.0, 2.0), (96.0, 1.5))
"""Of `native`: pixels of the median box and how far images are enlarged at most."""
STRIDES = (8, 16, 32, 64)
"""Of the four levels of the encoder; its points must be no fewer than the queries (dino.py:226:
topk of num_queries fails otherwise; measured at 160 x 160)."""

Scale = tuple[int, int]
"""Short and long side in pixels; images keep their shape."""


def training_scales(
    sizes: SizeInfo, queries: int = DEFAULT_QUERIES, image_scale: str | int = "recipe"
) -> list[Scale]:
    """Return the training scales, ascending; the last one is used for validation."""
    if isinstance(image_scale, int):
        return [(image_scale, long_side(image_scale))]
    if image_scale == "native":
        return [(side, LONG_SIDE) for side in _native_sides(sizes, queries)]
    top = _short_side_for(sizes)
    smallest = _rounded(OFFICIAL_SHORT[0] * top / SHORT_SIDE)
    return [(side, long_side(top)) for side in (*range(smallest, top, STEP), top)]


def long_side(short: int) -> int:
    """Return the long side in the recipe's proportion."""
    return round(short * LONG_SIDE / SHORT_SIDE)


def _short_side_for(sizes: SizeInfo) -> int:
    """Return the recipe's largest short side, or a larger one that shows more of small objects.

    No image gets larger than it is, and none than the median object needs.
    """
    short, long = sorted((sizes.width_median, sizes.height_median))
    if not short or not sizes.box_side_median:
        return SHORT_SIDE
    seen = sizes.box_side_median * min(SHORT_SIDE / short, LONG_SIDE / long)
    wanted = min(SHORT_SIDE * SMALL_OBJECT / seen, short, LARGEST_SHORT)
    return max(SHORT_SIDE, LARGEST_SHORT if wanted >= LARGEST_SHORT else _rounded(wanted))


def _native_sides(sizes: SizeInfo, queries: int) -> list[int]:
    short = min(sizes.width_median, sizes.height_median) or SHORT_SIDE
    least = least_side(queries)
    enlarged = next((by for side, by in ENLARGED if 0 < sizes.box_side_median < side), 1.0)
    top = max(min(SHORT_SIDE, _rounded(short * enlarged)), least)
    return [side for side in OFFICIAL_SHORT if least <= side <= top] or [top]


def least_side(queries: int) -> int:
    """Return the least side, in pixels, of a square image with as many points as queries."""
    side = STEP
    while sum((side // stride) ** 2 for stride in STRIDES) < queries:
        side += STEP
    return side


def _rounded(pixels: float) -> int:
    return max(STEP, STEP * round(pixels / STEP))
