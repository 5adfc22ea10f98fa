"""Finds image files whose names became others on the way: in a spreadsheet, a zip file, a tool."""

from __future__ import annotations

import html
import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple
from urllib.parse import unquote_plus

from train_teacher.images import names as plain_names
from train_teacher.images.names import FolderListings, alike, path_parts

SAMPLE = 200
"""Missing names by which the cause is judged."""
_PREFIXES = 50
_CODE_PAGES = ("cp1252", "latin-1", "cp437")
_AROUND = " \t\r\n\u00a0\ufeff\"'`\u201c\u201d\u2018\u2019"
_ENDING = rf"\.({'|'.join(e[1:] for e in plain_names.IMAGE_ENDINGS)}|jfif|heic|heif)"
_ROBOFLOW = rf"(([._]{_ENDING[2:]})?\.rf\.\w+)?{_ENDING}$"


class Spelling(NamedTuple):
    """A way in which the name in the JSON and the name of its file may differ."""

    what: str
    """Said after `3 file names`."""
    key: Callable[[str], str]
    """Makes the two equal."""
    sure: bool = True
    """False where it may be another image: then the user is told, and the file is not used."""
    anywhere: bool = True
    """False where a like file in a sub-folder, such as a mask, is likely not meant."""

    def of(self, path: str) -> str:
        """Return the key of a path, in which case and accents do not count."""
        return alike(self.key(path))


def _read_as_utf8(name: str) -> str:
    for page in () if name.isascii() else _CODE_PAGES:
        try:
            return name.encode(page).decode()
        except UnicodeError:
            continue
    return name


def _without(pattern: str) -> Callable[[str], str]:
    return partial(re.compile(pattern, re.IGNORECASE).sub, "")


SPELLINGS = (
    Spelling("without the sub-folder that the file is in", str),
    Spelling("with a space, a line break or quotes around them", lambda name: name.strip(_AROUND)),
    Spelling("with HTML entities such as &amp;", html.unescape),
    Spelling("with + or %20 where the other has a space", unquote_plus),
    Spelling("unpacked or written in another code page", _read_as_utf8),
    Spelling(
        "with another ending than the file, or none", _without(f"({_ENDING})+$"), anywhere=False
    ),
    Spelling("without the .rf. that Roboflow gives to files", _without(_ROBOFLOW), sure=False),
    Spelling("with other leading zeros than the file", _without(r"(?<!\d)0+(?=\d)"), sure=False),
)


def find_files(
    listings: FolderListings, file_names: Sequence[str], *, deep: bool = True
) -> list[str | None]:
    """Return the name under which each of M files is found, None for those that are not there.

    Args:
        listings: of the folder.
        file_names: as they are written.
        deep: look into sub-folders that no name mentions.
    """
    found = plain_names.find_names(listings, file_names)
    if None not in found:
        return found
    files = {os.path.normpath(name) for name in listings.images(deep=deep)}
    paths = {name: "/".join(path_parts(name)) for name in file_names}
    real = {name: there for name, there in zip(file_names, found, strict=True) if there is not None}
    for spelling in SPELLINGS:
        if spelling.sure and len(real) < len(paths):
            real = _pairs(spelling, paths, files, real) | real
    return [real.get(name) for name in file_names]


def spelling_of(name: str, found: str) -> str | None:
    """Return how a name differs from that of the file found for it, None for none of the kinds."""
    path = "/".join(path_parts(name))
    if "/" in path and _base(path) == _base(found):
        return None
    alike_by = (kind.what for kind in SPELLINGS if kind.of(_base(path)) == kind.of(_base(found)))
    return next(alike_by, None)


def likely_names(names: Sequence[str], files: Collection[str]) -> tuple[str, dict[str, str]]:
    """Return how missing names differ from files that no record names, and some such pairs."""
    sample = names[:: max(1, -(-len(names) // SAMPLE))]
    bases = {name: _base("/".join(path_parts(name))) for name in sample}
    by_base = {_base(file): file for file in files}
    kinds = []
    for kind in SPELLINGS:
        by_key = {kind.of(base): file for base, file in by_base.items()}
        kinds.append((kind.what, {n: by_key.get(kind.of(base), "") for n, base in bases.items()}))
    first = next(iter(bases.values()), "")
    longer = (base.removesuffix(first) for base in by_base if first and base.endswith(first))
    # The 2 before the 1 of 21.jpg is no prefix.
    for prefix in islice((p for p in longer if p and not p[-1].isdigit()), _PREFIXES):
        pairs = {name: by_base.get(prefix + base, "") for name, base in bases.items()}
        kinds.append((f"without the {prefix} before the names of the files", pairs))
    told = [(what, {name: file for name, file in pairs.items() if file}) for what, pairs in kinds]
    what, pairs = max(told, key=lambda kind: len(kind[1]))
    return (what, pairs) if 2 * len(pairs) > len(bases) else ("", {})


def _pairs(
    kind: Spelling, paths: Mapping[str, str], files: Collection[str], real: Mapping[str, str]
) -> dict[str, str]:
    """Return the free file of each name; none at all unless all names and files are one to one."""
    by_key = defaultdict(set)
    for file in files:
        by_key[kind.of(file)].add(file)
        if kind.anywhere:
            by_key[kind.of(_base(file))].add(file)
    keys = {
        name: found for name, path in paths.items() if path and (found := kind.of(path)) in by_key
    }
    if len(set(keys.values())) < len(keys) or any(len(by_key[k]) > 1 for k in keys.values()):
        return {}
    taken = {os.path.normpath(name) for name in real.values()}
    return {name: file for name, k in keys.items() for file in by_key[k] if file not in taken}


def _base(path: str) -> str:
    return path.rpartition("/")[2]
