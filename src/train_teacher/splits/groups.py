"""Groups of images that a split must not tear apart, and the way they were found."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from train_teacher.core.arrays import Ints
from train_teacher.core.words import plural
from train_teacher.images.facts import DecodedFacts
from train_teacher.images.near_duplicates import near_pairs
from train_teacher.splits.group_rules import (
    GroupRule,
    first_field,
    keys_of_field,
    keys_of_folder,
    keys_of_pattern,
    require_field,
)
from train_teacher.splits.image_tiles import find_tiles
from train_teacher.splits.split import ROBOFLOW_COPY, group_key
from train_teacher.splits.video_frames import find_videos

VIDEO_FIELDS = (
    "video_id",
    "video_name",
    "video",
    "sequence_id",
    "sequence_name",
    "sequence",
    "seq_id",
    "seq_name",
    "clip_id",
    "clip",
    "scene_id",
    "scene_name",
    "scene",
    "sid",
    "recording_id",
    "recording",
)
"""Members of image records that name the video: of TAO, YouTube-VIS and BDD100K (video_id), COCO
Camera Traps (seq_id), Argoverse-HD (sid), and others that exporters write."""
FRAME_FIELDS = ("frame_id", "frame_index", "frame_num", "frame_number", "frame")
"""Members that order the images of a video."""


@dataclass(frozen=True)
class ImageClues:
    """Facts about M images that may show which belong together."""

    file_names: Sequence[str]
    paths: Sequence[str]
    """(M,) names that find the files under the folder of the images."""
    sizes: npt.NDArray[np.float64]
    """(M, 2) width and height in pixels, NaN where unknown."""
    contents: Mapping[int, bytes] = field(default_factory=dict)
    """Hash of the file by row, where another file may equal it."""
    decoded: DecodedFacts | None = None
    fields: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Members of the image records by name, (M,) values each."""
    known_fields: Sequence[str] = ()
    """Names of all members that the records have."""


@dataclass(frozen=True)
class Grouping:
    """Groups of images that belong together."""

    groups: Ints
    """(M,) the number of the group."""
    copies: Ints
    """(M,) the same for copies of one image only: these must never be torn apart."""
    found: tuple[str, ...]
    """Reasons why images were joined, in words."""
    notes: tuple[str, ...] = ()
    """Notes for the user."""


class _Links:
    """Sets of images that are merged step by step."""

    def __init__(self, parents: Iterable[int]) -> None:
        self._parents = list(parents)

    def __len__(self) -> int:
        return len(self._parents)

    def copy(self) -> _Links:
        return _Links(self._parents)

    def join(self, one: int, other: int) -> None:
        first, second = self._root(one), self._root(other)
        self._parents[max(first, second)] = min(first, second)

    def join_equal(self, keys: Iterable[tuple[int, Hashable]]) -> tuple[int, int]:
        """Join rows with equal keys; return how many rows share a key, and how many such keys."""
        first: dict[Hashable, int] = {}
        members: dict[Hashable, int] = {}
        for row, key in keys:
            earlier = first.setdefault(key, row)
            if earlier != row:
                self.join(earlier, row)
                members[key] = members.get(key, 1) + 1
        return sum(members.values()), len(members)

    def numbers(self) -> Ints:
        """Return (M,) the number of each row's set."""
        return np.array([self._root(row) for row in range(len(self._parents))], np.int64)

    def _root(self, row: int) -> int:
        parents = self._parents
        while parents[row] != row:
            parents[row] = parents[parents[row]]
            row = parents[row]
        return row


def group_images(clues: ImageClues, rule: GroupRule) -> Grouping:
    """Return the groups of images that belong together.

    Copies of one image always do, except under `none`; then the rule decides, and `auto` takes
    near duplicates, tiles, and the videos that a member of the records or the file names tell of.

    Raises:
        UsageError: the rule finds nothing at all in these images.
    """
    links = _Links(range(len(clues.file_names)))
    found: list[str] = []
    _join(links, found, enumerate(clues.file_names), "under one file name")
    if rule.kind == "none":
        return Grouping(links.numbers(), links.numbers(), tuple(found))
    _join(links, found, _roboflow_sources(clues), "as copies of one source (Roboflow names)")
    _join(links, found, clues.contents.items(), "with the same content")
    copies = links.numbers()
    links = links.copy()
    notes: list[str] = []
    if rule.kind == "auto":
        _join_near_duplicates(links, found, clues)
        tiles = _join_tiles(links, found, notes, clues)
        _join_videos(links, found, notes, clues, tiles)
    else:
        _join_by_rule(links, found, notes, clues, rule)
    return Grouping(links.numbers(), copies, tuple(found), tuple(notes))


def _join(
    links: _Links, found: list[str], keys: Iterable[tuple[int, Hashable]], how: str
) -> tuple[int, int]:
    images, sets = links.join_equal(keys)
    if images:
        found.append(f"{plural(images, 'image')} {how}, in {plural(sets, 'group')}")
    return images, sets


def _roboflow_sources(clues: ImageClues) -> Iterable[tuple[int, Hashable]]:
    return (
        (row, group_key(name))
        for row, name in enumerate(clues.file_names)
        if ".rf." in name and ROBOFLOW_COPY.search(name)
    )


def _join_near_duplicates(links: _Links, found: list[str], clues: ImageClues) -> None:
    decoded = clues.decoded
    if decoded is None:
        return
    rows = np.flatnonzero(decoded.looked & decoded.readable)
    pairs = rows[near_pairs(decoded.hashes[rows], decoded.thumbnails[rows], decoded.contrast[rows])]
    before = links.numbers()
    new = pairs[before[pairs[:, 0]] != before[pairs[:, 1]]]
    for one, other in new.tolist():
        links.join(one, other)
    if len(new):
        sets = len(np.unique(links.numbers()[new[:, 0]]))
        images = len(np.unique(new))
        found.append(
            f"{plural(images, 'image')} that look nearly the same, in {plural(sets, 'group')}"
        )


def _join_tiles(links: _Links, found: list[str], notes: list[str], clues: ImageClues) -> set[int]:
    """Join the tiles of each image; return the rows of all tiles."""
    sources = find_tiles(clues.file_names, clues.sizes)
    names = {source for source in sources if source is not None}
    if len(names) == 1 and None not in sources:
        notes.append(
            f"all images are tiles of one image, {names.pop()}: taken for single images. Where "
            "tiles overlap, val repeats train: give --val FILE with an area of its own."
        )
    else:
        _join(links, found, _with_key(sources), "as tiles of one image (by file name)")
    return {row for row, source in enumerate(sources) if source is not None}


def _join_videos(
    links: _Links, found: list[str], notes: list[str], clues: ImageClues, tiles: set[int]
) -> None:
    name = first_field(clues.fields, VIDEO_FIELDS)
    if name is not None:
        _join(links, found, _with_key(keys_of_field(clues.fields[name])), f"with the same {name}")
        return
    rows = [row for row in range(len(links)) if row not in tiles]
    names = find_videos([clues.file_names[row] for row in rows], clues.sizes[rows])
    keys = ((row, video) for row, video in zip(rows, names.videos, strict=True) if video)
    _join(links, found, keys, "as frames of one video (by file name)")
    if names.only_numbered is not None:
        notes.append(
            f"nearly all images are numbered {names.only_numbered}...: taken for single images. "
            "If they are frames of videos, say so with --group-by folder, field:NAME or "
            "regex:PATTERN: else val would repeat train."
        )


def _join_by_rule(
    links: _Links, found: list[str], notes: list[str], clues: ImageClues, rule: GroupRule
) -> None:
    keys: Sequence[Hashable | None]
    if rule.kind == "folder":
        names = clues.file_names
        inside = any("/" in name or "\\" in name for name in names)
        keys = keys_of_folder(names if inside else clues.paths)
        how = "in one folder"
    elif rule.kind == "field":
        keys = keys_of_field(clues.fields.get(rule.value, [None] * len(links)))
        require_field(rule.value, keys, clues.known_fields)
        how = f"with the same {rule.value}"
    else:
        keys = keys_of_pattern(clues.file_names, rule.value)
        how = f"in which {rule.value} finds the same"
    _join(links, found, _with_key(keys), how)
    alone = sum(key is None for key in keys)
    if alone:
        notes.append(f"{rule.text} says nothing about {plural(alone, 'image')}: each is a group.")


def _with_key(keys: Sequence[Hashable | None]) -> Iterable[tuple[int, Hashable]]:
    return ((row, key) for row, key in enumerate(keys) if key is not None)
