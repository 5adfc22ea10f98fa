"""M: masks. Grounding DINO does not train on them, but the same file may serve segmentation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from train_teacher.coco.dataset import CocoDataset, sizes_of_annotations
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
)
from train_teacher.core.arrays import every, some
from train_teacher.core.words import plural, share
from train_teacher.inspection.facts import Finding
from train_teacher.inspection.finding import REPAIRED, annotations_at, finding_about
from train_teacher.inspection.inspected import InspectedFile

RECTANGLE_SHARE = 0.95
MIN_RECTANGLES = 10
NOT_USED = "Boxes are trained as they are; a segmentation model would"
FIX_BY_COPY = "inspect-data DATA.json --fix OUT.json writes a copy"


def check_masks(file: InspectedFile) -> list[Finding]:
    """Return M1 to M7: polygons and run lengths that are broken, odd, or just boxes."""
    dataset, sizes = file.dataset, file.sizes
    masks = dataset.annotations.masks
    if not masks.kind.any() and not masks.flags.any():
        return []
    polygon = masks.kind == MASK_POLYGON
    return [
        # `[[]]` is no mask, and pycocotools stops there all the same.
        *_broken_polygons(dataset, (masks.kind != MASK_RLE) & _has(dataset, MASK_BROKEN)),
        *_nesting(dataset, polygon & _has(dataset, MASK_FLAT | MASK_NESTED)),
        *_other_form(dataset, _has(dataset, MASK_OTHER_FORM)),
        *_other_place(dataset, polygon),
        *_without_extent(dataset, polygon, sizes),
        *_crossing_itself(dataset, polygon & _has(dataset, MASK_CROSSING)),
        *_run_lengths(dataset, sizes),
        *_polygon_crowds(dataset, polygon & (dataset.annotations.iscrowd == 1)),
        *_rectangles(dataset, polygon),
    ]


def _has(dataset: CocoDataset, flags: int) -> npt.NDArray[np.bool_]:
    return np.asarray((dataset.annotations.masks.flags & flags) != 0, np.bool_)


def _broken_polygons(dataset: CocoDataset, hit: npt.NDArray[np.bool_]) -> list[Finding]:
    return finding_about(
        annotations_at(dataset, hit, "segmentation"),
        code="M1",
        severity="warning",
        message=f"{plural(int(hit.sum()), 'mask')} with a polygon of fewer than 3 points, with "
        "an odd count of numbers, or that cannot be read",
        consequence=f"{NOT_USED} stop there, or assume an area of 0.",
        fix=f"{FIX_BY_COPY} without these polygons; what cannot be read stays.",
    )


def _nesting(dataset: CocoDataset, hit: npt.NDArray[np.bool_]) -> list[Finding]:
    return finding_about(
        annotations_at(dataset, hit, "segmentation"),
        code="M2",
        severity="warning",
        message=f"{plural(int(hit.sum()), 'mask')} nested at the wrong depth: [x, y, ...] or "
        "[[[x, y], ...]] instead of [[x, y, ...]]",
        consequence=f"{NOT_USED} stop with a type error.",
        fix=f"{FIX_BY_COPY} with the lists as COCO has them.",
    )


def _other_form(dataset: CocoDataset, hit: npt.NDArray[np.bool_]) -> list[Finding]:
    return finding_about(
        annotations_at(dataset, hit, "segmentation"),
        code="M2",
        severity="warning",
        message=f"{plural(int(hit.sum()), 'mask')} in another form than COCO's: points as objects "
        "(x, y), run lengths in a list, text, GeoJSON, or counts as Python's bytes (b'...')",
        consequence=f"{NOT_USED} stop with a type error.",
        fix=f"{REPAIRED}.",
    )


def _other_place(dataset: CocoDataset, polygon: npt.NDArray[np.bool_]) -> list[Finding]:
    apart = np.flatnonzero(polygon & _has(dataset, MASK_APART))
    return finding_about(
        annotations_at(dataset, apart, "bbox"),
        code="M3",
        severity="warning",
        message=f"{plural(len(apart), 'box', 'boxes')} far from the polygon of the same annotation "
        f"(overlap under {MIN_MASK_OVERLAP:g})",
        consequence="One of the two is wrong; the box is trained.",
        fix="Look at these in the labeling tool; if the polygons are right, remove the bbox "
        "members, and boxes are taken from the polygons.",
    )


def _without_extent(
    dataset: CocoDataset, polygon: npt.NDArray[np.bool_], sizes: npt.NDArray[np.float64]
) -> list[Finding]:
    bounds = dataset.annotations.masks.bounds
    with np.errstate(invalid="ignore"):
        outside = some(bounds[:, :2] >= sizes_of_annotations(dataset, sizes))
        outside |= some(bounds[:, :2] + bounds[:, 2:] <= 0)
    hit = polygon & (outside | _has(dataset, MASK_NO_EXTENT))
    return finding_about(
        annotations_at(dataset, hit, "segmentation"),
        code="M4",
        severity="info",
        message=f"{plural(int(hit.sum()), 'mask')} with a polygon without area or outside "
        "the image",
        consequence="Boxes are trained as they are; such a mask is useless.",
        fix="Draw these again if masks are to be used.",
    )


def _crossing_itself(dataset: CocoDataset, hit: npt.NDArray[np.bool_]) -> list[Finding]:
    return finding_about(
        annotations_at(dataset, hit, "segmentation"),
        code="M4",
        severity="info",
        message=f"{plural(int(hit.sum()), 'mask')} with an outline that crosses itself",
        consequence="Boxes are trained as they are; a mask from it has a hole or fold there.",
        fix="Draw these again if masks are to be used: points in the wrong order look like this.",
    )


def _run_lengths(dataset: CocoDataset, sizes: npt.NDArray[np.float64]) -> list[Finding]:
    masks = dataset.annotations.masks
    rle = np.flatnonzero(masks.kind == MASK_RLE)
    here = sizes_of_annotations(dataset, sizes, rle)[:, ::-1]
    written = masks.rle_size[rle]
    other = every(np.isfinite(here)) & some(written != here)
    hit = rle[other | _has(dataset, MASK_BROKEN)[rle]]
    swapped = int((other & every(written == here[:, ::-1])).sum())
    told = f"; {swapped:,} have height and width swapped" if swapped else ""
    return finding_about(
        annotations_at(dataset, hit, "segmentation"),
        code="M5",
        severity="warning",
        message=f"{plural(len(hit), 'run-length mask')} not of the size of the image, or "
        f"damaged{told}",
        consequence=f"{NOT_USED} stop, or learn masks in the wrong place.",
        fix="Export the masks again; size is [height, width], and the counts add up to "
        "height x width.",
    )


def _polygon_crowds(dataset: CocoDataset, hit: npt.NDArray[np.bool_]) -> list[Finding]:
    return finding_about(
        annotations_at(dataset, hit, "iscrowd", values=["1"] * 3),
        code="M6",
        severity="info",
        message=f"{plural(int(hit.sum()), 'polygon')} with iscrowd=1, which COCO uses for "
        "run lengths",
        consequence="A crowd is ignored in training, whatever its mask.",
        fix="Set iscrowd to 0 where one object is outlined.",
    )


def _rectangles(dataset: CocoDataset, polygon: npt.NDArray[np.bool_]) -> list[Finding]:
    rectangle = polygon & _has(dataset, MASK_RECTANGLE)
    count, total = int(rectangle.sum()), int(polygon.sum())
    if count < MIN_RECTANGLES or count < RECTANGLE_SHARE * total:
        return []
    return finding_about(
        annotations_at(dataset, rectangle, "segmentation"),
        code="M7",
        severity="info",
        message=f"masks are just boxes: {share(count, total)} polygons are upright rectangles",
        consequence="Nothing for boxes; a segmentation model would learn rectangles.",
        fix="Nothing to do for a detector.",
    )


FILE_CHECKS = (check_masks,)
