"""Images that look the same: hashes propose pairs, pixels confirm them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from train_teacher.core.arrays import Ints

MOST_BITS = 4
"""Hashes of the same image, saved or scaled again, differ in no more of their 64 bits."""
MOST_DIFFERENCE = 4.0
"""Mean difference of 32 x 32 gray values, of 255, up to which two images are the same."""
LEAST_CONTRAST = 3.0
"""Below it an image is of one color, and likeness means nothing."""
BAND_STARTS, BAND_BITS = (0, 13, 26, 39, 52), 13
"""Five bands: of two hashes that differ in four bits, one band is equal."""
FARTHEST = 200
"""Neighbors tried in a band with many equal hashes; the order is by hash, so alike are near."""
COMPARED_AT_ONCE = 4096


def near_pairs(
    hashes: npt.NDArray[np.uint64],
    thumbnails: npt.NDArray[np.uint8],
    contrast: npt.NDArray[np.float32],
) -> Ints:
    """Return (P, 2) pairs of rows, the smaller first, of images that look the same.

    Args:
        hashes: (N,) difference hashes.
        thumbnails: (N, 32, 32) gray values.
        contrast: (N,) standard deviation of the gray values.
    """
    rows = np.flatnonzero(contrast >= LEAST_CONTRAST)
    pairs = rows[candidate_pairs(hashes[rows])]
    if not len(pairs):
        return np.empty((0, 2), np.int64)
    pairs = np.sort(pairs, axis=1)
    close = [
        _differences(thumbnails, pairs[start : start + COMPARED_AT_ONCE]) <= MOST_DIFFERENCE
        for start in range(0, len(pairs), COMPARED_AT_ONCE)
    ]
    confirmed: Ints = pairs[np.concatenate(close)]
    return confirmed


def candidate_pairs(hashes: npt.NDArray[np.uint64]) -> Ints:
    """Return (P, 2) pairs of rows whose hashes differ in at most MOST_BITS bits, each once."""
    found = [np.empty((0, 2), np.int64)]
    for start in BAND_STARTS:
        band = (hashes >> np.uint64(start)) & np.uint64((1 << BAND_BITS) - 1)
        order = np.lexsort((hashes, band))
        found += _pairs_in_bands(hashes[order], band[order], order)
    pairs = np.sort(np.concatenate(found), axis=1)
    codes = np.sort(pairs[:, 0] * max(len(hashes), 1) + pairs[:, 1])
    codes = codes[np.concatenate([[True], codes[1:] != codes[:-1]])] if len(codes) else codes
    return np.stack(np.divmod(codes, max(len(hashes), 1)), axis=1)


def _pairs_in_bands(
    hashes: npt.NDArray[np.uint64], band: npt.NDArray[np.uint64], order: npt.NDArray[np.int64]
) -> list[Ints]:
    """Compare every row with those behind it in the same band, one distance at a time."""
    found = []
    rows = np.arange(len(hashes))
    for distance in range(1, FARTHEST + 1):
        rows = rows[rows < len(hashes) - distance]
        rows = rows[band[rows] == band[rows + distance]]
        if not len(rows):
            break
        alike = rows[count_bits(hashes[rows] ^ hashes[rows + distance]) <= MOST_BITS]
        found.append(np.stack([order[alike], order[alike + distance]], axis=1))
    return found


def count_bits(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Return (N,) how many bits are set (NumPy has bitwise_count only from 2.0 on)."""
    values = values - ((values >> np.uint64(1)) & np.uint64(0x5555555555555555))
    pairs = np.uint64(0x3333333333333333)
    values = (values & pairs) + ((values >> np.uint64(2)) & pairs)
    values = (values + (values >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return ((values * np.uint64(0x0101010101010101)) >> np.uint64(56)).astype(np.int64)


def _differences(thumbnails: npt.NDArray[np.uint8], pairs: Ints) -> npt.NDArray[np.float64]:
    first = thumbnails[pairs[:, 0]].astype(np.int16)
    differences: npt.NDArray[np.float64] = np.abs(first - thumbnails[pairs[:, 1]]).mean(axis=(1, 2))
    return differences
