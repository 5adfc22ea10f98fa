"""Search for image files by the names in an export, right or wrong."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from urllib.parse import unquote

IMAGE_ENDINGS = tuple(
    ".jpg .jpeg .jpe .png .bmp .dib .webp .tif .tiff .gif .avif .jp2 .ppm .pgm".split()
)
DEEPEST = 5
"""Parts of a wrong path that are tried, counted from the file name."""
MOST_FOLDERS = 2000
"""Sub-folders that are looked into; of more, the names say too little."""
_ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://[^/]*/*")
_DRIVE = re.compile(r"^[A-Za-z]:")
# Label Studio serves local files under an address whose query holds the path.
_QUERY = re.compile(r"\?d=|\?.*$")
# It also puts part of a random number before the name of every file that is uploaded to it.
_UPLOAD = re.compile(r"[0-9a-f]{8}-(?=.)")


def relative_name(file_name: str) -> str:
    r"""Return the name with forward slashes: exports made on Windows hold `train\\a.jpg`."""
    return file_name.replace("\\", "/")


def stays_inside(root: Path, name: str) -> bool:
    """Return whether a name with forward slashes leads to somewhere in an absolute folder.

    A data set from elsewhere must not make us read, and show in a report, any file of its
    choosing; who wants absolute paths followed says so with `--images /`.

    Links are followed, wherever they lead. A JSON cannot make one: who can put a link into the
    image folder can put a copy of the file there too. Many link whole folders of images from
    another disk, and a look at the real path of every image would refuse just those.
    """
    if not name.startswith("/") and ".." not in name:
        return True
    top = os.path.normpath(root)
    path = os.path.normpath(os.path.join(top, name))  # noqa: PTH118 (one call per image)
    return path.startswith(top.rstrip("/") + "/")


class FolderListings:
    """Files under a folder, each folder listed once, which is faster than a stat per image."""

    def __init__(self, root: Path) -> None:
        """Start with no folder listed."""
        self._root = root
        self._listed: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
        self._alike: dict[tuple[str, bool], dict[str, str]] = {}

    def has(self, name: str) -> bool:
        """Return whether a file has exactly this name, with forward slashes."""
        if not stays_inside(self._root, name):
            return False
        folder, _, base = name.rpartition("/")
        # A name such as `/a.jpg` lies in the folder `/`, not in the root of the listings.
        return base in self._list(folder or ("/" if name.startswith("/") else ""))[0]

    def find_alike(self, name: str) -> str | None:
        """Return the only file that differs in upper and lower case or accents alone."""
        *folders, base = name.split("/")
        found: list[str] = []
        for part in folders:
            real = self._alike_in("/".join(found), folders=True).get(alike(part))
            if real is None:
                return None
            found.append(real)
        real = self._alike_in("/".join(found), folders=False).get(alike(base))
        return None if real is None else "/".join((*found, real))

    def images(self, *, deep: bool = False) -> list[str]:
        """Return the images in the root and its folders listed so far, or if deep, in all."""
        folders = [""]
        for folder in folders:  # grows on the way
            inside = [name for name in self._list(folder)[1] if deep and not name.startswith(".")]
            if folder.count("/") < DEEPEST and len(folders) + len(inside) <= MOST_FOLDERS:
                folders += [f"{folder}/{name}" if folder else name for name in inside]
        return [
            f"{folder}/{name}" if folder else name
            for folder, (files, _) in self._listed.items()
            if not folder.startswith("/") and ".." not in folder.split("/")
            for name in files
            if name.lower().endswith(IMAGE_ENDINGS) and not name.startswith(".")
        ]

    def _list(self, folder: str) -> tuple[frozenset[str], frozenset[str]]:
        if folder not in self._listed:
            self._listed[folder] = _listing(self._root / folder)
        return self._listed[folder]

    def _alike_in(self, folder: str, *, folders: bool) -> dict[str, str]:
        key = (folder, folders)
        if key not in self._alike:
            names = self._list(folder)[folders]
            counts = Counter(alike(name) for name in names)
            self._alike[key] = {alike(n): n for n in names if counts[alike(n)] == 1}
        return self._alike[key]


def find_names(listings: FolderListings, file_names: Sequence[str]) -> list[str | None]:
    """Return the name under which each of M files is found, None for those that are not there."""
    found: list[str | None] = [
        name if listings.has(name) else slashed if listings.has(slashed) else None
        for name in file_names
        for slashed in (relative_name(name),)
    ]
    if None not in found:
        return found
    taken = {name for name in found if name is not None}
    _search_all(listings, file_names, found, taken)
    if None in found and (uploaded := _before_upload(file_names)):
        _search_all(listings, uploaded, found, taken)
    return found


def _search_all(
    listings: FolderListings, names: Sequence[str], found: list[str | None], taken: set[str]
) -> None:
    """Search for the files that are not found yet, each under its name."""
    # Few are looked for, and fewer found: all names are counted for those alone.
    bases = cache(lambda: Counter(alike(_base(name)) for name in set(names)))
    tried: dict[str, str | None] = {}
    for row, name in enumerate(names):
        if found[row] is None:
            if name not in tried:
                tried[name] = _search(listings, name, taken, bases)
            found[row] = tried[name]


def _before_upload(names: Sequence[str]) -> list[str]:
    """Return the paths that were uploaded, if all were; one that two would have stays as it is."""
    # All begin as Label Studio's do; with letters, or they may be dates.
    if not all(_UPLOAD.match(_base(name)) for name in names):
        return []
    if all(_base(name)[:8].isdigit() for name in names):
        return []
    uploaded = {}
    for name in set(names):
        *folders, base = path_parts(name)
        uploaded[name] = "/".join((*folders, _UPLOAD.sub("", base, count=1)))
    count = Counter(uploaded.values())
    return [name if count[uploaded[name]] > 1 else uploaded[name] for name in names]


def _search(
    listings: FolderListings, name: str, taken: set[str], bases: Callable[[], Counter[str]]
) -> str | None:
    """Return an unused file that is certainly the right one; a wrong image is worse than none."""
    parts = path_parts(name)
    for start in range(max(0, len(parts) - DEEPEST), len(parts)):
        suffix = "/".join(parts[start:])
        real = suffix if listings.has(suffix) else listings.find_alike(suffix)
        if real is None or real in taken:
            continue
        if not start or start < len(parts) - 1 or bases()[alike(parts[-1])] == 1:
            taken.add(real)
            return real
    return None


def path_parts(name: str) -> list[str]:
    """Return the folders and the file name of a path, of whatever machine, or of an address."""
    path = _ADDRESS.sub("", relative_name(name))
    match = _QUERY.search(path)
    if match:
        path = path[match.end() :] if match.group() == "?d=" else path[: match.start()]
    path = _DRIVE.sub("", unquote(path))
    return [part for part in path.split("/") if part not in ("", ".", "..") and "\0" not in part]


def _base(name: str) -> str:
    return "".join(path_parts(name)[-1:])


def alike(name: str) -> str:
    """Return what names that differ in upper and lower case or accents alone have in common."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()


def _listing(folder: Path) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of files and of folders."""
    files: list[str] = []
    folders: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                (folders if _is_folder(entry) else files).append(entry.name)
    except (OSError, ValueError):  # not a folder, a name too long, or with a null byte
        return frozenset(), frozenset()
    return frozenset(files), frozenset(folders)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry leads to a folder; a link that leads nowhere hides no other entry."""
    try:
        return entry.is_dir()
    except OSError:  # a link in a loop
        return False
