"""Search for image files with the same bytes; only those that may be equal are read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from train_teacher.coco.dataset import CocoDataset
from train_teacher.core.file_digest import sha256_of
from train_teacher.images.facts import ImageFiles
from train_teacher.images.files import image_paths


def compare_contents(
    images: Sequence[tuple[CocoDataset, ImageFiles]],
) -> list[ImageFiles]:
    """Return the files of each data set with `contents` filled in, compared over all of them.

    Only files of equal size with equal first and last bytes are read whole.
    """
    contents: list[dict[int, bytes]] = [{} for _ in images]
    paths = [image_paths(dataset, files) for dataset, files in images]
    for places in _alike([files for _, files in images]):
        names = {paths[part][row] for part, row in places}
        if len(names) == 1:
            continue  # the same file named twice: other checks tell
        digests = {name: _digest(name) for name in names if name is not None}
        for part, row in places:
            digest = digests.get(paths[part][row] or "")
            if digest is not None:
                contents[part][row] = digest
    return [
        replace(files, contents=found) for (_, files), found in zip(images, contents, strict=True)
    ]


def _alike(parts: Sequence[ImageFiles]) -> list[list[tuple[int, int]]]:
    """Return groups of (part, row) whose files agree in size, first and last bytes."""
    keys = []
    for part, files in enumerate(parts):
        if files.facts is not None:
            rows = np.flatnonzero(files.facts.bytes > 0)
            columns = (np.full(len(rows), part), rows, files.facts.bytes[rows])
            keys.append(np.stack([*columns, files.facts.fingerprint[rows]], axis=1))
    table = np.concatenate(keys) if keys else np.empty((0, 4), np.int64)
    table = table[np.lexsort((table[:, 3], table[:, 2]))]
    same = (table[1:, 2:] == table[:-1, 2:]).all(axis=1)
    groups: dict[int, list[tuple[int, int]]] = defaultdict(list)
    number = np.concatenate([[0], np.cumsum(~same)]) if len(table) else np.empty(0, np.int64)
    repeated = np.zeros(len(table), np.bool_)
    repeated[1:] |= same
    repeated[:-1] |= same
    for at in np.flatnonzero(repeated).tolist():
        groups[int(number[at])].append((int(table[at, 0]), int(table[at, 1])))
    return list(groups.values())


def _digest(path: str) -> bytes | None:
    try:
        return bytes.fromhex(sha256_of(Path(path)))
    except OSError:
        return None
