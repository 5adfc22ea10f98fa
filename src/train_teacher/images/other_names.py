"""Search for image files renamed on the way: in a spreadsheet, a zip file, a tool."""

from __future__ import annotations

import html
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
from posixpath import basename, normpath
from typing import NamedTuple
from urllib.parse import unquote_plus

from train_teacher.images.names import IMAGE_ENDINGS, FolderListings, alike, find_names, path_parts

SAMPLE, AFFIXES = 200, 50
"""Missing names by which the cause is judged, and what is tried to stand before or behind them."""
_AROUND = " \t\r\n\u00a0\u200b\u2060\ufeff\"'`\u201c\u201d\u2018\u2019[],;"
# A name may be that of the file of labels, a number that pandas wrote, or lack all but the dot.
_ENDING = rf"\.({'|'.join(e[1:] for e in IMAGE_ENDINGS)}|jfif|heic|heif|xml|txt|json|0|)"
_ROBOFLOW = rf"(([._]{_ENDING[2:]})?\.rf\.\w+)?{_ENDING}$"


class Spelling(NamedTuple):
    """A way in which the name in the JSON and the name of its file may differ."""

    what: str
    """Said after `3 file names`."""
    key: Callable[[str], str]
    """Makes the two equal."""
    sign: str = ""
    """Pattern of the parts of a path that it changes; each path begins and ends with NUL."""
    sure: bool = True
    """False where it may be another image: this is reported, and the file is not used."""

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


def _replacing(pattern: str, by: str = "") -> Callable[[str], str]:
    return partial(re.compile(pattern, re.IGNORECASE).sub, by)


_without_ending = _replacing(f"({_ENDING})+$")
_without_zeros = _replacing(r"(?<!\d)0+(?=\d)")
_one_sign = _replacing(r"[\W_]+", "_")
# As Python prints bytes and paths: b'a.jpg', PosixPath('a.jpg').
_printed = re.compile(r"^(b(?=['\"])|\w*Path\()|(?<=['\"])\)$").sub


def _core(name: str) -> str:
    return _without_zeros(_without_ending(name))


_OTHER_ENDING = "with another extension than the file, or none"
_CODE_PAGE = "unpacked or written in another code page"
SPELLINGS = (
    Spelling("without the sub-folder that the file is in", str),
    Spelling(
        "with a space, a line break or quotes around them",
        lambda name: _printed("", name).strip(_AROUND),
        f"[{re.escape(_AROUND)}][\0/]|[\0/][{re.escape(_AROUND)}]|[\0/](b['\"]|\\w*Path\\()",
    ),
    Spelling(
        "with HTML entities such as &amp;", lambda name: html.unescape(html.unescape(name)), "&"
    ),
    Spelling("with + or %20 where the other has a space", unquote_plus, "[+%]"),
    Spelling(_CODE_PAGE, _read_as_utf8, r"[^\x00-\x7f]"),
    Spelling(_OTHER_ENDING, _without_ending),
    Spelling(
        "without the .rf. that Roboflow gives to files",
        _replacing(_ROBOFLOW),
        r"\.rf\.",
        sure=False,
    ),
    Spelling(
        "with a random prefix (UUID) that the other lacks",
        _replacing(r"(?<![^/])([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})[-_.]"),
        "[0-9a-f]{12}[-_.]",
        sure=False,
    ),
    Spelling("with other leading zeros than the file", _core, r"\D0+\d", sure=False),
    Spelling(
        "with other signs between the words than the file (space, _, -, /)",
        lambda name: _one_sign(_without_ending(name)),
        sure=False,
    ),
    # Whatever the code pages were, what is ASCII stayed; some unpackers write #U7167.
    Spelling(
        _CODE_PAGE,
        _replacing(r"(#U[0-9a-f]{4}|[^\x00-\x7f]|[?_])+", "_"),
        r"#U|\?|[^\x00-\x7f]",
        sure=False,
    ),
)


def find_files(
    listings: FolderListings, file_names: Sequence[str], *, deep: bool = True
) -> list[str | None]:
    """Return each name as the file has it or None; `deep`: also in folders that none mentions."""
    found = find_names(listings, file_names)
    if None not in found:
        return found
    files = {normpath(name) for name in listings.images(deep=deep)}
    real = {name: there for name, there in zip(file_names, found, strict=True) if there is not None}
    free = files - {normpath(name) for name in real.values()}
    missing = {name: _path(name) for name in set(file_names) - real.keys()}
    for spelling in _spellings_in((*missing.values(), *free)):
        if spelling.sure and free and missing:
            pairs = _pairs(spelling, missing, file_names, free, files)
            real |= pairs
            missing = {name: path for name, path in missing.items() if name not in pairs}
            free.difference_update(pairs.values())
    return [real.get(name) for name in file_names]


def _spellings_in(paths: Iterable[str]) -> list[Spelling]:
    """Return those that change any of the paths: the others compare what the first compares."""
    text = "\0".join(("", *paths, ""))
    return [spelling for spelling in SPELLINGS if re.search(spelling.sign, text, re.IGNORECASE)]


def spelling_of(name: str, found: str) -> str | None:
    """Return how a name differs from that of the file found for it, None for none of the kinds."""
    *folders, base = path_parts(name)
    if folders and base == basename(found):
        return None
    return next((k.what for k in SPELLINGS if k.of(base) == k.of(basename(found))), None)


def likely_names(names: Sequence[str], files: Collection[str]) -> tuple[str, dict[str, str]]:
    """Return the way in which missing names differ from unlisted files, and some pairs."""
    sample = {name: _path(name) for name in names[:: max(1, -(-len(names) // SAMPLE))]}
    by_path = {path: file for file in files for path in (file, basename(file))}
    ways: list[tuple[str, Callable[[str], str], Mapping[str, str]]]
    ways = [
        (k.what, k.of, {k.of(path): file for path, file in by_path.items()})
        for k in _spellings_in((*sample.values(), *files))
    ]
    by_core = {_core(basename(file)): file for file in files}
    first = _core(basename(next(filter(None, sample.values()), "")))
    for what, key in islice(_affixes(first, by_core).items(), AFFIXES):
        ways.append((what, partial(_of_core, key), by_core))
    told = []
    for what, key, known in ways:
        pairs = {
            name: known[key(part)]
            for name, path in sample.items()
            for part in (path, basename(path))
            if path and key(part) in known
        }
        # Two names for one file are no way to tell the images apart.
        told.append((what, pairs if len(set(pairs.values())) == len(pairs) else {}))
    what, pairs = max(told, key=lambda way: len(way[1]))
    return (what, pairs) if 2 * len(pairs) > len(sample) else ("", {})


def _affixes(first: str, others: Collection[str]) -> dict[str, Callable[[str], str]]:
    """Return prefixes and suffixes that only the files' names have, or only the records'.

    The 2 before the 1 of 21.jpg is none, nor is the 0 behind that of 10.jpg.

    Args:
        first: one name of a record, of which there may be others.
        others: those of the files.

    Returns:
        What is said, and how a name of a record becomes that of its file.
    """
    found: dict[str, Callable[[str], str]] = {}
    for other in others:
        short, long = sorted((first, other), key=len)
        if not short or short == long:
            continue
        lost = long == other
        word = "without" if lost else "with"
        before, behind = long.removesuffix(short), long.removeprefix(short)
        if before != long and not before[-1].isdigit():
            what = f"{word} the {before} before the names of the files"
            found[what] = partial(_affixed, before, "", lost)
        if behind != long and not behind[0].isdigit():
            what = f"{word} the {behind} behind the names of the files"
            found[what] = partial(_affixed, "", behind, lost)
    return found


def _of_core(key: Callable[[str], str], name: str) -> str:
    return key(_core(name))


def _affixed(before: str, behind: str, lost: bool, name: str) -> str:
    return before + name + behind if lost else name.removeprefix(before).removesuffix(behind)


def _pairs(
    kind: Spelling,
    missing: Mapping[str, str],
    names: Sequence[str],
    free: Collection[str],
    files: Collection[str],
) -> dict[str, str]:
    """Return the free file of each missing name; none unless all names and files are one to one."""
    # Most missing images are simply not there: all names are looked at only when some is like them.
    by_key = _by_key(kind, free)
    if by_key.keys().isdisjoint(map(kind.of, missing.values())):
        return {}
    by_key = _by_key(kind, files)
    keys = {name: kind.of(path) for name in set(names) if (path := _path(name))}
    keys = {name: key for name, key in keys.items() if key in by_key}
    if len(set(keys.values())) < len(keys) or any(len(by_key[k]) > 1 for k in keys.values()):
        return {}
    return {n: file for n in missing if n in keys for file in by_key[keys[n]] if file in free}


def _by_key(kind: Spelling, files: Collection[str]) -> dict[str, set[str]]:
    by_key: dict[str, set[str]] = defaultdict(set)
    for file in files:
        # One with another ending in a sub-folder may be a mask.
        for path in {file, file if kind.what == _OTHER_ENDING else basename(file)}:
            by_key[kind.of(path)].add(file)
    return by_key


def _path(name: str) -> str:
    return "/".join(path_parts(name))
