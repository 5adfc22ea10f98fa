from __future__ import annotations

import numpy as np

from train_teacher.images.near_duplicates import candidate_pairs, count_bits, near_pairs

RANDOM = np.random.default_rng(3)


def hashes_of(count: int) -> np.ndarray:
    return RANDOM.integers(0, 2**64, count, dtype=np.uint64)


def test_bits_are_counted() -> None:
    values = np.array([0, 1, 2**63, 2**64 - 1, 0b1011], np.uint64)

    assert count_bits(values).tolist() == [0, 1, 1, 64, 3]


def test_every_pair_within_four_bits_is_found_and_no_other() -> None:
    base = hashes_of(400)
    hashes = np.concatenate([base, base])
    for row in range(400):
        for bit in RANDOM.choice(64, row % 7, replace=False):
            hashes[400 + row] ^= np.uint64(1) << np.uint64(bit)
    distances = count_bits(hashes[:, None] ^ hashes[None, :])

    first, second = np.nonzero(np.triu(distances <= 4, 1))

    assert candidate_pairs(hashes).tolist() == np.stack([first, second], axis=1).tolist()


def test_no_hashes_give_no_pairs() -> None:
    assert candidate_pairs(hashes_of(0)).shape == (0, 2)
    assert candidate_pairs(hashes_of(1)).shape == (0, 2)


def test_pixels_decide_and_images_of_one_colour_are_left_out() -> None:
    hashes = np.zeros(5, np.uint64)
    thumbnails = np.full((5, 32, 32), 100, np.uint8)
    thumbnails[1] += 3
    thumbnails[2] += 40
    contrast = np.array([20, 20, 20, 1, 1], np.float32)

    assert near_pairs(hashes, thumbnails, contrast).tolist() == [[0, 1]]
