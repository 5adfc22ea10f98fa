"""Search for the folder of the images, for missing images, and the facts in their headers."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from train_teacher.coco.dataset import CocoDataset
from train_teacher.core.errors import UserError
from train_teacher.images.facts import ImageFacts, ImageFiles
from train_teacher.images.headers import read_headers
from train_teacher.images.names import FolderListings, relative_name, stays_inside
from train_teacher.images.other_names import find_files, likely_names

SAMPLE = 200
SPLIT_FOLDERS = ("train", "valid", "val", "test", "train2017", "val2017")


def find_image_dir(dataset: CocoDataset, given: Path | None = None) -> Path | None:
    """Return the absolute folder in which most of the sampled files are, None when none is found.

    Names as they are written come first; only when none fits, similar names are looked for.

    Args:
        dataset: its images give the names.
        given: a folder the user named; then only it and its sub-folders are tried.

    Raises:
        UserError: `given` is not a folder.
    """
    step = max(1, -(-len(dataset.images) // SAMPLE))
    written = [image.file_name for image in dataset.images[::step]]
    names = [relative_name(name) for name in written]
    folders = candidate_dirs(dataset.path, given)
    best, best_found = None, 0
    for folder in folders:
        found = sum(_is_file(folder, name) for name in names)
        if found > best_found:
            best, best_found = folder, found
        if found and found == len(names):
            break
    if best or not written:
        return best
    return _folder_with_similar_names(folders, written, (given or dataset.path.parent).absolute())


def candidate_dirs(json_path: Path, given: Path | None = None) -> list[Path]:
    """Return the folders worth trying, most likely first.

    Raises:
        UserError: `given` is not a folder.
    """
    stem = json_path.name.split(".")[0]
    stems = [stem, stem.removeprefix("instances_"), *SPLIT_FOLDERS]
    if given is not None:
        if not given.is_dir():
            raise UserError(
                f"--images {given}: there is no such folder. Training cannot read its images; "
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
    """Look for every image in the folder, if one was found, and read its header, if `check`."""
    nothing = np.empty(0, np.int64)
    if not check:
        return ImageFiles(image_dir, nothing, {}, checked=False)
    if image_dir is None:
        return ImageFiles(None, np.arange(len(dataset.images)), {}, checked=True)
    listings = FolderListings(image_dir)
    written = [image.file_name for image in dataset.images]
    found = [name and _inside(listings, image_dir, name) for name in find_files(listings, written)]
    renamed = {
        row: name
        for row, (name, before) in enumerate(zip(found, written, strict=True))
        if name is not None and name != before
    }
    facts = read_headers([None if n is None else os.path.join(image_dir, n) for n in found])  # noqa: PTH118 (ten times as fast as Path)
    return ImageFiles(
        image_dir,
        np.flatnonzero(~facts.exists),
        _sizes_the_json_lacks(dataset, facts),
        checked=True,
        renamed=renamed,
        unnamed=_unnamed(listings, found),
        facts=facts,
    )


def image_paths(dataset: CocoDataset, files: ImageFiles) -> list[str | None]:
    """Return the path of each of M images, None for those that are not there."""
    if files.image_dir is None or files.facts is None:
        return [None] * len(dataset.images)
    folder = str(files.image_dir)
    return [
        os.path.join(folder, files.name_of(row, image.file_name)) if there else None  # noqa: PTH118 (ten times as fast as Path)
        for row, (image, there) in enumerate(
            zip(dataset.images, files.facts.exists.tolist(), strict=True)
        )
    ]


def _inside(listings: FolderListings, image_dir: Path, name: str) -> str:
    """Return the plain name under the folder of a file found as `/full/path` or `../folder/x`."""
    if not (name.startswith(("/", "./")) or "/./" in name or "//" in name or ".." in name):
        return name
    path = os.path.normpath(os.path.join(image_dir, name))  # noqa: PTH118 (a call per image)
    plain = os.path.relpath(path, image_dir)
    # Behind a link to another folder `..` leads elsewhere.
    return plain if listings.has(plain) else name


def _folder_with_similar_names(folders: list[Path], names: list[str], home: Path) -> Path | None:
    """Return the folder in which most names are found, or else the first with a file like each."""
    listings = [FolderListings(folder) for folder in folders]
    found = [len(names) - find_files(each, names, deep=False).count(None) for each in listings]
    if any(found):
        return folders[found.index(max(found))]
    for folder, listing in zip(folders, listings, strict=True):
        alike = len(likely_names(names, listing.images())[1]) == len(set(names))
        if alike or (folder.is_relative_to(home) and None not in find_files(listing, names)):
            return folder
    for folder, listing in zip(folders, listings, strict=True):
        if folder.is_relative_to(home):
            files = listing.images(deep=True)
            if len(likely_names(names, files)[1]) == len(set(names)):
                return folder
    return None


def _sizes_the_json_lacks(dataset: CocoDataset, facts: ImageFacts) -> dict[int, tuple[int, int]]:
    unsized = [r for r, i in enumerate(dataset.images) if i.width is None or i.height is None]
    if not unsized:
        return {}
    sizes = facts.displayed_size
    return {r: (int(sizes[r, 0]), int(sizes[r, 1])) for r in unsized if sizes[r].all()}


def _unnamed(listings: FolderListings, found: list[str | None]) -> tuple[str, ...]:
    """Return the images that no record names, in folders that hold some that one does."""
    named = {os.path.normpath(name) for name in found if name is not None}
    folders = {os.path.dirname(name) for name in named}  # noqa: PTH120 (one call per image)
    images = [os.path.normpath(name) for name in listings.images()]
    # Where none is found, those under other names are in any folder.
    inside = [p for p in images if not folders or os.path.dirname(p) in folders]  # noqa: PTH120 (the same)
    return tuple(sorted(p for p in inside if p not in named))


def _is_file(folder: Path, name: str) -> bool:
    try:
        return stays_inside(folder, name) and (folder / name).is_file()
    except (OSError, ValueError):  # a name too long, or with a null byte
        return False
