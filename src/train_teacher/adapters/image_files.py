"""Finds the folder of the pictures, the pictures that are missing, and sizes the JSON lacks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from train_teacher.domain.coco import CocoDataset
from train_teacher.domain.errors import UserError

SAMPLE = 200
SPLIT_FOLDERS = ("train", "valid", "val", "test", "train2017", "val2017")


@dataclass(frozen=True)
class ImageFiles:
    """What is known of the picture files of one data set."""

    image_dir: Path | None
    missing: npt.NDArray[np.int64]
    """Rows of `CocoDataset.images` without a file."""
    sizes: Mapping[int, tuple[int, int]]
    """Width and height in pixels from the file headers, by row, for images whose JSON has none."""
    checked: bool
    """False when nobody looked (`--no-images`): then `missing` says nothing."""


def relative_name(file_name: str) -> str:
    r"""Return the name with forward slashes: exports made on Windows hold `train\\a.jpg`."""
    return file_name.replace("\\", "/")


def find_image_dir(dataset: CocoDataset, given: Path | None = None) -> Path | None:
    """Return the absolute folder in which most of the sampled files are, None when none is found.

    Args:
        dataset: names come from its images.
        given: a folder the user named; then only it and its sub-folders are tried.

    Raises:
        UserError: `given` is not a folder.
    """
    names = _sample([relative_name(image.file_name) for image in dataset.images])
    best, best_found = None, 0
    for folder in candidate_dirs(dataset.path, given):
        found = sum(_is_file(folder, name) for name in names)
        if found > best_found:
            best, best_found = folder, found
        if found and found == len(names):
            break
    return best


def candidate_dirs(json_path: Path, given: Path | None = None) -> list[Path]:
    """Return the folders worth trying, most likely first.

    Args:
        json_path: the annotation file.
        given: a folder the user named.

    Raises:
        UserError: `given` is not a folder.
    """
    stem = json_path.name.split(".")[0]
    stems = [stem, stem.removeprefix("instances_"), *SPLIT_FOLDERS]
    if given is not None:
        if not given.is_dir():
            raise UserError(
                f"--images {given}: there is no such folder. Training cannot read its pictures; "
                "give the folder that the file names in the JSON are relative to."
            )
        own = json_path.absolute().parent.name
        candidates = [given, *(given / s for s in (own, "images", *stems))]
    else:
        home = json_path.absolute().parent
        bases = [home, home / "images", home.parent / "images", home.parent]
        candidates = [home, home / "images", home.parent / "images"]
        candidates += [base / s for base in bases for s in stems]
        candidates += [home.parent, home / "data", home.parent / "data"]
    folders = dict.fromkeys(Path(os.path.normpath(c.absolute())) for c in candidates)
    return [folder for folder in folders if folder.is_dir()]


def check_image_files(
    dataset: CocoDataset, image_dir: Path | None, *, check: bool = True
) -> ImageFiles:
    """Look for every picture, and read the sizes that the JSON lacks from the file headers.

    Args:
        dataset: the data set.
        image_dir: folder its names are relative to; None when none was found.
        check: False skips the look at the files.
    """
    nothing = np.empty(0, np.int64)
    if not check:
        return ImageFiles(image_dir, nothing, {}, checked=False)
    if image_dir is None:
        return ImageFiles(None, np.arange(len(dataset.images)), {}, checked=True)
    names = [relative_name(image.file_name) for image in dataset.images]
    present = _present(image_dir, names)
    missing = np.array([row for row, there in enumerate(present) if not there], np.int64)
    unsized = [
        row
        for row, image in enumerate(dataset.images)
        if present[row] and (image.width is None or image.height is None)
    ]
    sizes = {row: size for row in unsized if (size := _header_size(image_dir / names[row]))}
    return ImageFiles(image_dir, missing, sizes, checked=True)


def _sample(names: list[str]) -> list[str]:
    step = max(1, -(-len(names) // SAMPLE))
    return names[::step]


def _is_file(folder: Path, name: str) -> bool:
    try:
        return (folder / name).is_file()
    except (OSError, ValueError):  # a name too long, or with a null byte
        return False


def _present(image_dir: Path, names: Iterable[str]) -> list[bool]:
    """Return which names exist; each folder is listed once, which beats a stat per picture."""
    listings: dict[str, frozenset[str]] = {}
    present = []
    for name in names:
        folder, _, base = name.rpartition("/")
        if folder not in listings:
            listings[folder] = _listing(image_dir / folder)
        present.append(
            base in listings[folder] or (name.startswith("/") and _is_file(Path(), name))
        )
    return present


def _listing(folder: Path) -> frozenset[str]:
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if not entry.is_dir())
    except (OSError, ValueError):
        return frozenset()


def _header_size(path: Path) -> tuple[int, int] | None:
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
