"""Measurement of masks while a file is read: polygons become a few numbers and are freed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from struct import Struct
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from train_teacher.coco.box_overlap import overlap_ratio
from train_teacher.coco.masks.columns import (
    MASK_APART,
    MASK_BROKEN,
    MASK_CROSSING,
    MASK_FLAT,
    MASK_NESTED,
    MASK_NO_EXTENT,
    MASK_OTHER_FORM,
    MASK_POLYGON,
    MASK_RECTANGLE,
    MASK_RLE,
    MIN_MASK_OVERLAP,
    MaskColumns,
)
from train_teacher.coco.masks.forms import plain_counts, plain_mask
from train_teacher.coco.masks.outlines import Outlines
from train_teacher.coco.masks.run_lengths import packed_run_totals
from train_teacher.coco.masks.self_crossing import crosses_itself
from train_teacher.core.arrays import Floats, Rows

MIN_NUMBERS = 6
"""Three points; pycocotools takes a list of four numbers for a box and fails or gives area 0."""
RECTANGLE_POINTS = (4, 5)
RECTANGLE_FILL = 0.999
NO_EXTENT = 0.01
"""Square pixels under which a polygon is a line or a point."""
MAX_SIDE = 2**31 - 1
Polygons = list[tuple[float, ...]]


class RunLengths(msgspec.Struct, gc=False):
    """A mask as run lengths, as COCO writes crowds."""

    size: tuple[int, int]
    counts: list[int] | str


@dataclass(frozen=True)
class PackedPolygons:
    """The polygons of a block of annotations, one after the other."""

    numbers: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    """x, y, x, y, ... of all polygons, pixels."""
    lengths: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """(P,) how many numbers each has."""
    owner: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """(P,) the annotation of each, ascending."""


def measure_masks(
    masks: Sequence[Polygons | RunLengths | None], flags: Sequence[int] = ()
) -> MaskColumns:
    """Return the measures of the masks of a block of annotations.

    Args:
        masks: polygons as x, y, x, y, ... in pixels; run lengths; or None; one per annotation.
        flags: what `read_untyped` said of each; nothing when all types were right.
    """
    lists = [mask if isinstance(mask, list) else () for mask in masks]
    polygons = list(chain.from_iterable(lists))
    lengths = list(map(len, polygons))
    # Packing each polygon is three times faster than filling an array of Python's or of numpy's.
    pack = {length: Struct(f"{length}d").pack for length in set(lengths)}
    packed = PackedPolygons(
        np.frombuffer(b"".join([pack[len(p)](*p) for p in polygons]), np.float64),
        np.array(lengths, np.int64),
        np.repeat(np.arange(len(masks)), np.array(list(map(len, lists)), np.int64)),
    )
    run_lengths = [(row, m) for row, m in enumerate(masks) if isinstance(m, RunLengths)]
    return measure_packed(len(masks), packed, run_lengths, flags)


def measure_packed(
    rows: int,
    polygons: PackedPolygons,
    run_lengths: Sequence[tuple[int, RunLengths]],
    flags: Sequence[int] = (),
) -> MaskColumns:
    """Return the measures of the masks of a block of annotations.

    Args:
        rows: annotations of the block.
        polygons: of all of them.
        run_lengths: annotation and mask.
        flags: as for `measure_masks`.
    """
    bits = np.array(flags, np.uint8) if flags else np.zeros(rows, np.uint8)
    lengths, owner = polygons.lengths, polygons.owner
    kind = np.zeros(rows, np.int8)
    kind[bits != 0] = MASK_POLYGON
    kind[owner[lengths > 0]] = MASK_POLYGON
    numbers = polygons.numbers
    broken = (lengths < MIN_NUMBERS) | (lengths % 2 == 1) | _far_away(numbers, lengths)
    if broken.any():
        bits[owner[broken]] |= MASK_BROKEN
        numbers = numbers[np.repeat(~broken, lengths)]
        lengths, owner = lengths[~broken], owner[~broken]
    kind[[row for row, _ in run_lengths]] = MASK_RLE
    rle_size = np.zeros((rows, 2), np.int64)
    _measure_run_lengths(run_lengths, bits, rle_size)
    outlines = Outlines.unpacked(numbers, lengths)
    bounds, area, points = _measure_polygons(outlines, owner, bits)
    return MaskColumns(
        kind=kind,
        flags=bits,
        bounds=bounds,
        area=area,
        polygons=np.bincount(owner, minlength=rows).astype(np.int32),
        points=points,
        rle_size=rle_size,
    )


def _far_away(
    numbers: npt.NDArray[np.float64], lengths: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Return which polygons have a number that no image can hold, as `read_untyped` sees it."""
    far_away = np.zeros(len(lengths), np.bool_)
    if len(numbers) and max(numbers.max(), -numbers.min()) >= MAX_SIDE:
        far_away[np.repeat(np.arange(len(lengths)), lengths)[np.abs(numbers) >= MAX_SIDE]] = True
    return far_away


def _measure_polygons(
    outlines: Outlines, owner: npt.NDArray[np.int64], flags: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Return (N, 4) bounds, (N,) area and (N,) number of points; set the flags of N rows."""
    # Column by column in memory, as they are looked at.
    bounds = np.full((len(flags), 4), np.nan, np.float32, order="F")
    area = np.full(len(flags), np.nan, np.float32)
    points = np.zeros(len(flags), np.int32)
    if not len(owner):
        return bounds, area, points
    areas = outlines.areas()
    crossing = crosses_itself(outlines) & (areas >= NO_EXTENT)
    flags[owner[crossing]] |= MASK_CROSSING
    of = _by_row(outlines, areas, owner)
    for column, values in enumerate((of.x, of.y, of.width, of.height)):
        bounds[of.rows, column] = values
    area[of.rows], points[of.rows] = of.area, of.points
    flags[of.rows[of.smallest < NO_EXTENT]] |= MASK_NO_EXTENT
    rectangle = of.alone & (of.area >= RECTANGLE_FILL * of.width * of.height)
    rectangle &= (of.points == RECTANGLE_POINTS[0]) | (of.points == RECTANGLE_POINTS[1])
    flags[of.rows[rectangle]] |= MASK_RECTANGLE
    return bounds, area, points


class _Measures(NamedTuple):
    """Measures of the polygons of R annotations, all of an annotation together."""

    rows: Rows
    """(R,) the annotation."""
    x: Floats
    y: Floats
    width: Floats
    height: Floats
    area: Floats
    smallest: Floats
    """(R,) area of the smallest polygon."""
    points: Rows
    alone: npt.NDArray[np.bool_]
    """(R,) whether there is one polygon only."""


def _by_row(outlines: Outlines, areas: Floats, owner: Rows) -> _Measures:
    (x, y), (right, bottom), counts = outlines.lowest(), outlines.highest(), outlines.counts
    first = np.empty(len(owner), np.bool_)
    first[0] = True
    np.not_equal(owner[1:], owner[:-1], out=first[1:])
    if first.all():
        return _Measures(owner, x, y, right - x, bottom - y, areas, areas, counts, first)
    starts = np.flatnonzero(first)
    x, y = np.minimum.reduceat(x, starts), np.minimum.reduceat(y, starts)
    return _Measures(
        owner[starts],
        x,
        y,
        np.maximum.reduceat(right, starts) - x,
        np.maximum.reduceat(bottom, starts) - y,
        np.add.reduceat(areas, starts),
        np.minimum.reduceat(areas, starts),
        np.add.reduceat(counts, starts),
        np.diff(starts, append=len(owner)) == 1,
    )


def flag_masks_apart(
    masks: MaskColumns, bbox: npt.NDArray[np.float64], has_bbox: npt.NDArray[np.bool_]
) -> None:
    """Set MASK_APART where the polygons are elsewhere than the box; the flags are changed.

    Args:
        masks: of N annotations.
        bbox: (N, 4) xywh, pixels.
        has_bbox: (N,) False where there is none.
    """
    judged = (masks.kind == MASK_POLYGON) & has_bbox & (masks.flags & MASK_NO_EXTENT == 0)
    judged &= (bbox[:, 2] > 0) & (bbox[:, 3] > 0)
    for column in range(4):
        judged &= np.isfinite(masks.bounds[:, column])
    rows = np.flatnonzero(judged)
    overlap = overlap_ratio(bbox[rows], masks.bounds[rows].astype(np.float64))
    masks.flags[rows[overlap < MIN_MASK_OVERLAP]] |= MASK_APART


def read_untyped(segmentation: Any) -> tuple[Polygons | RunLengths | None, int]:
    """Return any JSON value as a mask, with flags for changed or lost parts."""
    mask = plain_mask(segmentation)
    rewritten = 0 if mask is segmentation else MASK_OTHER_FORM
    if isinstance(mask, dict) and mask:
        try:
            return msgspec.convert(mask, RunLengths), rewritten
        except (msgspec.ValidationError, OverflowError):
            return RunLengths((0, 0), []), MASK_BROKEN
    polygons, flags = _as_polygons(mask)
    return polygons or None, flags | rewritten


def _as_polygons(segmentation: Any) -> tuple[Polygons, int]:
    """Return the readable polygons, with flags for changes."""
    if not isinstance(segmentation, list) or not segmentation:
        return [], 0 if segmentation in (None, [], {}) else MASK_BROKEN
    if _is_numbers(segmentation):
        return [tuple(map(float, segmentation))], MASK_FLAT
    polygons: Polygons = []
    flags = 0
    for part in segmentation:
        if isinstance(part, list) and _is_numbers(part):
            polygons.append(tuple(map(float, part)))
        elif isinstance(part, list) and part and all(_is_numbers(p) for p in part):
            polygons.append(tuple(float(v) for points in part for v in points))
            flags |= MASK_NESTED
        else:
            flags |= MASK_BROKEN
    return polygons, flags


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(v, int | float) and abs(v) < MAX_SIDE and not isinstance(v, bool) for v in value
    )


def _measure_run_lengths(
    masks: Sequence[tuple[int, RunLengths]],
    flags: npt.NDArray[np.uint8],
    sizes: npt.NDArray[np.int64],
) -> None:
    """Fill in the sizes; flag what cannot be undone or does not fill its image."""
    packed: list[tuple[int, bytes]] = []
    for row, mask in masks:
        height, width = mask.size
        counts = plain_counts(mask.counts)
        if counts is not mask.counts:
            flags[row] |= MASK_OTHER_FORM
        if not 0 < height < MAX_SIDE or not 0 < width < MAX_SIDE:
            flags[row] |= MASK_BROKEN
            continue
        sizes[row] = height, width
        if isinstance(counts, str):
            packed.append((row, counts.encode("utf-8", "surrogatepass")))
        elif sum(counts) != height * width or min(counts, default=0) < 0:
            flags[row] |= MASK_BROKEN
    if packed:
        rows = np.array([row for row, _ in packed], np.int64)
        totals = packed_run_totals([text for _, text in packed])
        flags[rows[totals != sizes[rows].prod(axis=1)]] |= MASK_BROKEN
