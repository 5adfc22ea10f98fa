"""I11 and D8: the same image more than once, in one split or in two."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

import msgspec
import numpy as np

from train_teacher.core.words import plural
from train_teacher.images.near_duplicates import near_pairs
from train_teacher.inspection.facts import Finding
from train_teacher.inspection.finding import finding_about, images_at
from train_teacher.inspection.inspected import Inspected, InspectedFile
from train_teacher.splits.split import ROBOFLOW_COPY, group_key

Place = tuple[int, int]
"""Position of the split, row of the image."""
Keys = Iterator[tuple[int, Hashable]]
"""Row of an image, and what it shares with the same image elsewhere."""
Groups = Sequence[Sequence[Place]]

ALIKE_SHARE = 0.9
"""Share of equal names with equal sizes from which the images are taken for the same."""
# 0001.jpg, images/img_12.png: names that any two folders may both have.
_GENERIC = re.compile(r"(^|/)[A-Za-z]{0,6}[_ -]?\d{1,6}\.\w+$")
_UNTIDY = re.compile(r"^/|//|\.\.|(^|/)\./")


def check_duplicates(data: Inspected) -> list[Finding]:
    """Return I11 (within a split) and D8 (between splits), every image under one kind only.

    Contents are compared when `ImageFiles.contents` is filled in, looks when `ImageFiles.decoded`
    is.
    """
    splits = data.files
    told: set[Place] = set()
    findings: list[Finding] = []
    if len(splits) > 1:
        for keys, what in (
            (_file_keys, "the same file"),
            (_source_keys, "another copy of the same source (Roboflow names)"),
        ):
            findings += _between(splits, _groups(splits, keys), what, told)
        findings += _same_names(splits, told)
    contents, looks = _groups(splits, _content_keys), _look_pairs(splits)
    findings += _between(splits, contents, "the same content under another name", told)
    findings += _between(splits, looks, "nearly the same pixels", told)
    findings += _within(splits, contents, "with the same content as another")
    findings += _within(splits, looks, "that look nearly the same as another")
    return findings


def _groups(splits: Sequence[InspectedFile], keys_of: Callable[[InspectedFile], Keys]) -> Groups:
    """Return the places of at least two images that share a key."""
    first: dict[Hashable, Place] = {}
    groups: dict[Hashable, list[Place]] = {}
    for number, split in enumerate(splits):
        for row, key in keys_of(split):
            place = (number, row)
            earlier = first.setdefault(key, place)
            if earlier is not place:
                groups.setdefault(key, [earlier]).append(place)
    return list(groups.values())


def _file_keys(split: InspectedFile) -> Keys:
    dataset, files = split.dataset, split.files
    if files.image_dir is None:
        return
    gone = set(files.missing.tolist())
    folder = f"{files.image_dir}/"
    for row, image in enumerate(dataset.images):
        if row not in gone:
            plain = row not in files.renamed and not _UNTIDY.search(image.file_name)
            yield row, folder + image.file_name if plain else _path(split, row)


def _name_keys(split: InspectedFile) -> Keys:
    for row, image in enumerate(split.dataset.images):
        yield row, image.file_name.replace("\\", "/")


def _name(splits: Sequence[InspectedFile], place: Place) -> str:
    return splits[place[0]].dataset.images[place[1]].file_name


def _sizes(splits: Sequence[InspectedFile], group: Sequence[Place]) -> set[tuple[int, int] | None]:
    images = [splits[number].dataset.images[row] for number, row in group]
    return {(i.width, i.height) if i.width and i.height else None for i in images}


def _source_keys(split: InspectedFile) -> Keys:
    for row, image in enumerate(split.dataset.images):
        source = _source(image.file_name)
        if source is not None:
            yield row, source


def _content_keys(split: InspectedFile) -> Keys:
    yield from split.files.contents.items()


def _look_pairs(splits: Sequence[InspectedFile]) -> Groups:
    """Return pairs that look alike without being copies that are intended or reported elsewhere."""
    parts = [
        (number, decoded, np.flatnonzero(decoded.looked & decoded.readable))
        for number, split in enumerate(splits)
        if (decoded := split.files.decoded) is not None
    ]
    if not parts:
        return []
    places = [(number, row) for number, _, rows in parts for row in rows.tolist()]
    pairs = near_pairs(
        np.concatenate([decoded.hashes[rows] for _, decoded, rows in parts]),
        np.concatenate([decoded.thumbnails[rows] for _, decoded, rows in parts]),
        np.concatenate([decoded.contrast[rows] for _, decoded, rows in parts]),
    )
    both = ((places[first], places[second]) for first, second in pairs.tolist())
    return [pair for pair in both if not _told_otherwise(splits, *pair)]


def _told_otherwise(splits: Sequence[InspectedFile], one: Place, other: Place) -> bool:
    first, second = splits[one[0]], splits[other[0]]
    content = first.files.contents.get(one[1])
    if content is not None and content == second.files.contents.get(other[1]):
        return True
    # Within a split augmented copies are meant, and a file named twice is no second file.
    source = _source(_name(splits, one))
    same_source = source is not None and source == _source(_name(splits, other))
    same_file = _path(first, one[1]) == _path(second, other[1])
    return one[0] == other[0] and (same_source or same_file)


def _same_names(splits: Sequence[InspectedFile], told: set[Place]) -> list[Finding]:
    """Return D8 for equal names in files whose images were not compared (`--no-images`).

    Two folders may both have a 0001.jpg: their sizes tell, unless all images have one size.
    """
    if any(split.files.checked for split in splits):
        return []
    by_name = _groups(splits, _name_keys)
    alike = [group for group in by_name if _sizes(splits, group) != {None}]
    same = [group for group in alike if len(_sizes(splits, group)) == 1]
    sizes = {size for group in same for size in _sizes(splits, group)}
    if len(same) < ALIKE_SHARE * len(alike):
        return []
    if len(sizes) == 1:
        same = [group for group in same if not _GENERIC.search(_name(splits, group[0]))]
    found = _between(splits, same, "the same name and size", told)
    return [
        msgspec.structs.replace(
            finding,
            consequence="If they are the same images, scores would be too high.",
            fix="Inspect without --no-images: the contents are compared then.",
        )
        for finding in found
    ]


def _between(
    splits: Sequence[InspectedFile], groups: Groups, what: str, told: set[Place]
) -> list[Finding]:
    """Return D8 for every split with images that an earlier one has too.

    Args:
        splits: see `check_duplicates`.
        groups: places of the same image.
        what: in which way it is the same.
        told: places reported so far; added to.
    """
    partners: dict[int, dict[int, Place]] = defaultdict(dict)
    for group in groups:
        earliest = min(group)
        for number, row in group:
            if number > earliest[0] and (number, row) not in told:
                partners[number].setdefault(row, earliest)
    findings = []
    for number, rows in sorted(partners.items()):
        name, dataset = splits[number].name, splits[number].dataset
        told.update((number, row) for row in rows)
        ordered = sorted(rows)
        elsewhere = _names_of(splits, (rows[row][0] for row in ordered))
        findings += finding_about(
            images_at(dataset, ordered, values=[_as_named(splits, rows[row]) for row in ordered]),
            code="D8",
            # Training is right with them: it is the scores that are wrong.
            severity="warning",
            message=f"{plural(len(rows), 'image')} of {name} also in {elsewhere}: {what}",
            consequence=f"{name} is scored on images seen in {elsewhere}: scores would be too "
            "high.",
            fix="Remove them from one of the files, or give a single file: train-teacher splits it "
            "and keeps copies together.",
            split=name,
        )
    return findings


def _within(splits: Sequence[InspectedFile], groups: Groups, what: str) -> list[Finding]:
    """Return I11 for every split that has the same image more than once."""
    partners: dict[int, dict[int, Place]] = defaultdict(dict)
    for group in groups:
        for place in group:
            other = next((p for p in group if p[0] == place[0] and p != place), None)
            if other is not None:
                partners[place[0]].setdefault(place[1], other)
    findings = []
    for number, rows in sorted(partners.items()):
        name, dataset = splits[number].name, splits[number].dataset
        ordered = sorted(rows)
        findings += finding_about(
            images_at(dataset, ordered, values=[_as_named(splits, rows[row]) for row in ordered]),
            code="I11",
            severity="warning",
            message=f"{plural(len(rows), 'image')} {what}",
            consequence="They count more than the others; differing labels contradict each other.",
            fix="Keep one of each, the one with the better labels.",
            split=name if len(splits) > 1 else None,
        )
    return findings


def _source(file_name: str) -> str | None:
    """Return what Roboflow's copies of one image share, None for other names."""
    if ".rf." not in file_name or not ROBOFLOW_COPY.search(file_name):
        return None
    return group_key(file_name).replace("\\", "/").rpartition("/")[2]


def _path(split: InspectedFile, row: int) -> str:
    dataset, files = split.dataset, split.files
    name = files.name_of(row, dataset.images[row].file_name)
    return os.path.normpath(os.path.join(files.image_dir or "", name))  # noqa: PTH118 (one call per image: ten times as fast as Path)


def _names_of(splits: Sequence[InspectedFile], numbers: Iterable[int]) -> str:
    return " and ".join(splits[number].name for number in sorted(set(numbers)))


def _as_named(splits: Sequence[InspectedFile], place: Place) -> str:
    return f"like {_name(splits, place)} of {splits[place[0]].name}"


CHECKS = (check_duplicates,)
