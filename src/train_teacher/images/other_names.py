"""Finds image files whose names became others on the way: in a spreadsheet, a zip file, a tool."""

from __future__ import annotations

import html
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import islice
from posixpath import basename, normpath
from typing import NamedTuple
from urllib.parse import unquote_plus

from train_teacher.images.names import IMAGE_ENDINGS, FolderListings, alike, find_names, path_parts

SAMPLE, PREFIXES = 200, 50
"""Missing names by which the cause is judged, and lost beginnings of names that are tried."""
_AROUND = " \t\r\n\u00a0\ufeff\"'`\u201c\u201d\u2018\u2019"
_ENDING = rf"\.({'|'.join(e[1:] for e in IMAGE_ENDINGS)}|jfif|heic|heif)"
_ROBOFLOW = rf"(([._]{_ENDING[2:]})?\.rf\.\w+)?{_ENDING}$"


class Spelling(NamedTuple):
    """A way in which the name in the JSON and the name of its file may differ."""

    what: str
    """Said after `3 file names`."""
    key: Callable[[str], str]
    """Makes the two equal."""
    sure: bool = True
    """False where it may be another image: the user is told, and the file is not used."""

    def of(self, path: str) -> str:
        """Return the key of a path, whatever its case and accents."""
        return alike(self.key(path))


def _read_as_utf8(name: str) -> str:
    for page in () if name.isascii() else ("cp1252", "latin-1", "cp437"):
        try:
            return name.encode(page).decode()
        except UnicodeError:
            continue
    return name


def _without(pattern: str) -> Callable[[str], str]:
    return partial(re.compile(pattern, re.IGNORECASE).sub, "")


_OTHER_ENDING = "with another ending than the file, or none"
SPELLINGS = (
    Spelling("without the sub-folder that the file is in", str),
    Spelling("with a space, a line break or quotes around them", lambda name: name.strip(_AROUND)),
    Spelling("with HTML entities such as &amp;", html.unescape),
    Spelling("with + or %20 where the other has a space", unquote_plus),
    Spelling("unpacked or written in another code page", _read_as_utf8),
    Spelling(_OTHER_ENDING, _without(f"({_ENDING})+$")),
    Spelling("without the .rf. that Roboflow gives to files", _without(_ROBOFLOW), sure=False),
    Spelling("with other leading zeros than the file", _without(r"(?<!\d)0+(?=\d)"), sure=False),
)


def find_files(
    listings: FolderListings, file_names: Sequence[str], *, deep: bool = True
) -> list[str | None]:
    """Return each name as the file has it or None; `deep`: also in folders that none mentions."""
    found = find_names(listings, file_names)
    if None not in found:
        return found
    files = {normpath(name) for name in listings.images(deep=deep)}
    paths = {name: "/".join(path_parts(name)) for name in file_names}
    real = {name: there for name, there in zip(file_names, found, strict=True) if there is not None}
    for spelling in SPELLINGS:
        if spelling.sure and len(real) < len(paths):
            real = _pairs(spelling, paths, files, real) | real
    return [real.get(name) for name in file_names]


def spelling_of(name: str, found: str) -> str | None:
    """Return how a name differs from that of the file found for it, None for none of the kinds."""
    *folders, base = path_parts(name)
    if folders and base == basename(found):
        return None
    return next((k.what for k in SPELLINGS if k.of(base) == k.of(basename(found))), None)


def likely_names(names: Sequence[str], files: Collection[str]) -> tuple[str, dict[str, str]]:
    """Return how missing names differ from files that no record names, and some such pairs."""
    sample = names[:: max(1, -(-len(names) // SAMPLE))]
    bases = {name: basename("/".join(path_parts(name))) for name in sample}
    by_base = {basename(file): file for file in files}
    ways: list[tuple[str, Callable[[str], str], Mapping[str, str]]]
    ways = [(k.what, k.of, {k.of(base): by_base[base] for base in by_base}) for k in SPELLINGS]
    first = next(filter(None, bases.values()), "/")
    longer = (base.removesuffix(first) for base in by_base if base.endswith(first))
    # The 2 before the 1 of 21.jpg is no prefix.
    for prefix in islice((p for p in longer if p and not p[-1].isdigit()), PREFIXES):
        what = f"without the {prefix} before the names of the files"
        ways.append((what, prefix.__add__, by_base))
    told = [
        (what, {name: files[key(base)] for name, base in bases.items() if key(base) in files})
        for what, key, files in ways
    ]
    what, pairs = max(told, key=lambda kind: len(kind[1]))
    return (what, pairs) if 2 * len(pairs) > len(bases) else ("", {})


def _pairs(
    kind: Spelling, paths: Mapping[str, str], files: Collection[str], real: Mapping[str, str]
) -> dict[str, str]:
    """Return the free file of each name; none at all unless all names and files are one to one."""
    by_key = defaultdict(set)
    for file in files:
        # One with another ending in a sub-folder may be a mask.
        for path in {file, file if kind.what == _OTHER_ENDING else basename(file)}:
            by_key[kind.of(path)].add(file)
    keys = {name: kind.of(path) for name, path in paths.items() if path}
    keys = {name: key for name, key in keys.items() if key in by_key}
    if len(set(keys.values())) < len(keys) or any(len(by_key[k]) > 1 for k in keys.values()):
        return {}
    taken = {normpath(name) for name in real.values()}
    return {name: file for name, k in keys.items() for file in by_key[k] if file not in taken}
