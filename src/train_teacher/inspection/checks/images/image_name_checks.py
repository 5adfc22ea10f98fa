"""I6, I9, I10: the names of image files."""

from __future__ import annotations

import os
import re
from collections import defaultdict

from train_teacher.coco.dataset import CocoDataset
from train_teacher.core.words import plural
from train_teacher.images.facts import FORMATS, SOUND, ImageFiles
from train_teacher.images.names import alike
from train_teacher.images.other_names import SPELLINGS, spelling_of
from train_teacher.inspection.facts import Example, Finding
from train_teacher.inspection.finding import REPAIRED, SHOWN, finding_about, images_at
from train_teacher.inspection.inspected import Inspected

_FORMAT_OF_ENDING = {
    **dict.fromkeys(("jpg", "jpeg", "jpe", "jfif"), FORMATS.index("JPEG")),
    **dict.fromkeys(("png", "apng"), FORMATS.index("PNG")),
    **dict.fromkeys(("tif", "tiff"), FORMATS.index("TIFF")),
    **dict.fromkeys(("bmp", "dib"), FORMATS.index("BMP")),
    "gif": FORMATS.index("GIF"),
    "webp": FORMATS.index("WEBP"),
    "avif": FORMATS.index("AVIF"),
}
_ODD = re.compile(r"[\\:%]|\.\.|^/")
_ODD_MARKS = ("\\", ":", "%", "..", "\n/")
_SPELLINGS = (
    ("written as an address (file:// or http://)", re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")),
    ("with a Windows drive", re.compile(r"^[A-Za-z]:")),
    ("with backslashes", re.compile(r"\\")),
    ("written as the full path of some machine", re.compile(r"^/")),
    ("leading out of the folder (../)", re.compile(r"(^|/)\.\.(/|$)")),
    ("with a query as of an address (?v=3) behind them", re.compile(r"\?")),
    ("with escapes such as %20", re.compile(r"%[0-9A-Fa-f]{2}")),
)
_ONLY_RENAMED = frozenset(kind for kind, _ in _SPELLINGS[-2:])
"""Spellings that are wrong only when the file has another name: a real one may have % and ?."""


def check_endings(dataset: CocoDataset, files: ImageFiles) -> list[Finding]:
    """Return I6: extensions that do not match the format of the content."""
    if files.facts is None:
        return []
    formats = files.facts.format.tolist()
    names = (files.name_of(row, image.file_name) for row, image in enumerate(dataset.images))
    endings = (name.rpartition(".")[2].lower() for name in names)
    rows = [
        row
        for row, (has, ending) in enumerate(zip(formats, endings, strict=True))
        if has and _FORMAT_OF_ENDING.get(ending, has) != has and files.facts.damage[row] == SOUND
    ]
    return finding_about(
        images_at(dataset, rows, values=[f"is {FORMATS[formats[row]]}" for row in rows]),
        code="I6",
        severity="info",
        message=f"{plural(len(rows), 'file name')} whose extension does not match the content",
        consequence="MMDetection reads them by content; other tools may refuse them.",
        fix="Nothing to do, or rename them.",
    )


def check_spelling(dataset: CocoDataset, files: ImageFiles) -> list[Finding]:
    """Return I9: names that lead to their file only here, or only with a correction."""
    if files.facts is None:
        return []
    # One look at all names spares the look at each.
    text = "\n".join(["", *(image.file_name for image in dataset.images)])
    if not files.renamed and not any(mark in text for mark in _ODD_MARKS):
        return []
    exists = files.facts.exists.tolist()
    groups: dict[tuple[str, bool], list[int]] = defaultdict(list)
    for row, image in enumerate(dataset.images):
        renamed = row in files.renamed
        if exists[row] and (renamed or _ODD.search(image.file_name)):
            kind = _spelling(image.file_name, files.renamed.get(row))
            if kind:
                groups[kind, renamed].append(row)
    findings = []
    for (kind, renamed), rows in groups.items():
        findings += finding_about(
            images_at(
                dataset,
                rows,
                values=[f"found as {files.renamed[row]}" for row in rows] if renamed else None,
            ),
            code="I9",
            severity="info" if any(kind == other.what for other in SPELLINGS) else "warning",
            message=f"{plural(len(rows), 'file name')} {kind}",
            consequence="MMDetection would not find these files; train-teacher found them."
            if renamed
            else "The files are found here, but not after the data set is moved or copied.",
            fix=f"{REPAIRED}." if renamed else "Write names relative to the image folder.",
        )
    return findings


def check_unnamed_images(data: Inspected) -> list[Finding]:
    """Return I10: images in the folders that no record of any split names."""
    unnamed = {_path(file.files, name) for file in data.files for name in file.files.unnamed}
    # Splits may share a folder.
    if unnamed and len(data.files) > 1:
        unnamed -= {
            _path(file.files, file.files.name_of(row, image.file_name))
            for file in data.files
            for row, image in enumerate(file.dataset.images)
        }
    left = sorted(unnamed)
    if not left:
        return []
    return [
        Finding(
            code="I10",
            severity="info",
            count=len(left),
            message=f"{plural(len(left), 'image')} in the folders that no record names",
            consequence="They are not trained on, not even as images without objects.",
            fix="Nothing to do if they are for something else; otherwise export them too.",
            examples=tuple(Example(path="", file=path) for path in left[:SHOWN]),
        )
    ]


def _path(files: ImageFiles, name: str) -> str:
    return os.path.normpath(os.path.join(files.image_dir or "", name))  # noqa: PTH118 (one call per image: ten times as fast as Path)


def _spelling(name: str, found: str | None) -> str:
    for kind, pattern in _SPELLINGS:
        if pattern.search(name) and (found is not None or kind not in _ONLY_RENAMED):
            return kind
    if found is None or found == os.path.normpath(name):  # as after ./
        return ""
    if alike(found) == alike(name):
        return "differing from the file in upper and lower case or accents"
    return spelling_of(name, found) or "naming another folder than the file is in"


CHECKS = (check_unnamed_images,)
