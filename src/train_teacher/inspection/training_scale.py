"""The sizes that images are trained at, where nobody says another: a rule on the data's own."""

from __future__ import annotations

from train_teacher.inspection.facts import SizeInfo

DEFAULT_QUERIES = 900
"""num_queries of the base configs; a preset's `architecture` may name another."""
OFFICIAL_SHORT = tuple(range(480, 801, 32))
"""Short sides of grounding_dino_swin-t_finetune_8xb4_20e_cat.py."""
LONG_SIDE = 1333
STEP = 32
"""Pixels: the coarsest stride but one, so that levels are whole."""
ENLARGED = ((32.0, 2.0), (96.0, 1.5))
"""Pixels of the median box and how far images are enlarged at most: COCO's small and medium
objects gain from it, larger ones only cost time."""
STRIDES = (8, 16, 32, 64)
"""Of the four levels of the encoder; its points must be no fewer than the queries (dino.py:226:
topk of num_queries fails otherwise; measured at 160 x 160)."""


def short_sides(sizes: SizeInfo, queries: int = DEFAULT_QUERIES) -> list[int]:
    """Return the short sides that images are resized to, ascending, for a model's queries."""
    short = min(sizes.width_median, sizes.height_median) or OFFICIAL_SHORT[-1]
    least = least_side(queries)
    enlarged = next((by for side, by in ENLARGED if 0 < sizes.box_side_median < side), 1.0)
    top = max(min(OFFICIAL_SHORT[-1], _rounded(short * enlarged)), least)
    return [side for side in OFFICIAL_SHORT if least <= side <= top] or [top]


def least_side(queries: int) -> int:
    """Return the least side, in pixels, of a square image with as many points as queries."""
    side = STEP
    while sum((side // stride) ** 2 for stride in STRIDES) < queries:
        side += STEP
    return side


def _rounded(pixels: float) -> int:
    return max(STEP, STEP * round(pixels / STEP))
