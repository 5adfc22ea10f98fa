"""Annotation formats other than COCO, with the way to convert them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.core.json_file import decode_json

_YAML_NAMES = re.compile(rb"^(names|nc|train|path)\s*:", re.MULTILINE)
_FIRST_OF_ODVG = re.compile(rb'^\{[^\n]*"filename"[^\n]*"(detection|grounding)"\s*:[^\n]*\}\s*\n')
_FIRST_LINES = {
    "git_lfs": re.compile(rb"^version https://(git-lfs|hawser)"),
    "git_annex": re.compile(rb"^\S*/annex/objects/"),
    "dvc": re.compile(rb"^outs:\s*$"),
    "archive": re.compile(rb"^[^\n]{257}ustar"),
    "refused": re.compile(
        rb"^(\d{3}\b\W*)?(\w+ )?(not found|denied|forbidden|unauthori[sz]ed|invalid|expired)\b",
        re.IGNORECASE,
    ),
    "python": re.compile(rb"^(b'|[\[({\s]*'\w+'\s*:)"),
    "script": re.compile(rb"^((var|let|const)\s+)?[\w.]+\s*(=\s*[\[{]|\([\[{])"),
    "comments": re.compile(rb"^(//|/\*|#)"),
    "paths": re.compile(rb"^[^,;\t{]+\.(jpe?g|png|bmp|webp|tiff?)\s*$", re.IGNORECASE),
    "dota": re.compile(rb"^(imagesource|gsd):|^(-?\d+(\.\d+)?\s+){8}[A-Za-z]"),
    "yolo": re.compile(rb"^\s*\d+(\s+-?\d*\.?\d+(e-?\d+)?){4,}\s*$", re.IGNORECASE),
    "numbers": re.compile(rb"^\s*-?\d+(\.\d+)?(\s*,\s*-?\d+(\.\d+)?){5,}\s*,?\s*$"),
    "kitti": re.compile(rb"^[A-Za-z_]+(\s+-?\d+(\.\d+)?){14,15}\s*$"),
    "table": re.compile(rb"^[\w ./-]+([,;\t][\w ./-]*){3,}$"),
}
_MARKUP = {
    "conflict": re.compile(rb"^<{7} "),
    "web_page": re.compile(rb"^<(head|body|title)\b|<(!doctype html|html)\b", re.IGNORECASE),
    "refused": re.compile(
        rb"^(<\?xml[^>]*\?>\s*)?<(\w+:)?(\w*error\w*|message|fault)\b", re.IGNORECASE
    ),
}
_PEEK = 4096
_PLAIN_VALUES = {bool: "true or false", int: "a number", float: "a number", str: "a text"}


class _Format(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Signs of a format, and the message for it: an entry of `foreign_formats.yaml`."""

    message: str
    starts: tuple[str, ...] = ()
    every: frozenset[str] = frozenset()
    some: frozenset[str] = frozenset()
    lists: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    equal: dict[str, str] = {}
    inside: frozenset[str] = frozenset()
    within: frozenset[str] = frozenset()

    def fits(self, record: dict[str, Any]) -> bool:
        """Return whether an object has the signs of this format."""
        values = [value for value in record.values() if isinstance(value, dict)]
        return (
            self.every <= record.keys()
            and (not self.some or not self.some.isdisjoint(record))
            and all(isinstance(record.get(name), list) for name in self.lists)
            and all(isinstance(record.get(name), dict) for name in self.objects)
            and all(record.get(name) == value for name, value in self.equal.items())
            and (not self.inside or any(self.inside <= value.keys() for value in values))
            and not (self.inside and self.inside <= record.keys())
            and (not self.within or (bool(record) and self.within >= record.keys()))
        )


class _Formats(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    binary: tuple[_Format, ...]
    texts: dict[str, str]
    lists: tuple[_Format, ...]
    objects: tuple[_Format, ...]
    annotations: tuple[_Format, ...]


@cache
def _formats() -> _Formats:
    table = Path(__file__).with_name("foreign_formats.yaml")
    return msgspec.yaml.decode(table.read_bytes(), type=_Formats)


def name_binary_format(data: bytes) -> str | None:
    """Return the format of a binary file by its first bytes, with the cure; None when unknown."""
    if data.startswith((b"{", b"[")):  # most files: spared the reading of the table
        return None
    for known in _formats().binary:
        if data.startswith(tuple(start.encode("latin-1") for start in known.starts)):
            return known.message
    return None


def name_text_format(data: bytes, suffix: str) -> str | None:
    """Return the format of a file that is not JSON, with the cure; None when unknown."""
    kind = _kind_of_text(data[:_PEEK].lstrip(), suffix.lower())
    return _formats().texts[kind] if kind else None


def _kind_of_text(head: bytes, suffix: str) -> str | None:
    lines = head.splitlines() or [b""]
    if head.startswith(b"<"):
        return _kind_of_markup(head)
    if _FIRST_OF_ODVG.match(head):
        return "odvg"
    if head.startswith(b"{") and len(lines) > 1 and _is_json(lines[0]):
        return "manifest" if b'"source-ref"' in lines[0] else "json_lines"
    named = next((kind for kind, line in _FIRST_LINES.items() if line.match(lines[0])), None)
    if not head or head.startswith((b"{", b"[")):
        return named
    if named is None and (suffix in {".yaml", ".yml"} or _YAML_NAMES.search(head)):
        return "yaml"
    return named or ("table" if suffix in {".csv", ".tsv"} else None)


def _is_json(line: bytes) -> bool:
    try:
        decode_json(line, object)
    except msgspec.DecodeError:
        return False
    return True


def _kind_of_markup(head: bytes) -> str:
    return next((kind for kind, sign in _MARKUP.items() if sign.search(head)), "xml")


def name_json_format(top: object) -> str | None:
    """Return the format of a JSON without COCO's three lists, with the cure; None when unknown."""
    if isinstance(top, list):
        return _told(_formats().lists, next((e for e in top if isinstance(e, dict)), None))
    if isinstance(top, dict):
        return _told(_formats().objects, top) or _name_single_entry(top)
    if isinstance(top, str) and top.lstrip(' \n"\\').startswith("{") and '"annotations' in top:
        return _formats().texts["in_text"]
    value = "null and nothing else" if top is None else _PLAIN_VALUES.get(type(top))
    return _formats().texts["plain_value"].format(value=value) if value else None


def _name_single_entry(top: dict[str, Any]) -> str | None:
    if "data" in top or ("image_id" in top and ("score" in top or "caption" in top)):
        return _told(_formats().lists, top)
    annotations = top.get("annotations")
    first = annotations[0] if isinstance(annotations, list) and annotations else None
    return name_annotation_format(first)


def name_annotation_format(first: object) -> str | None:
    """Return the kind of a COCO file without boxes, with the cure; None when it has boxes.

    Args:
        first: the first entry of `annotations`, decoded.
    """
    if not isinstance(first, dict) or "bbox" in first or "segmentation" in first:
        return None
    return _told(_formats().annotations, first)


def _told(formats: Iterable[_Format], record: dict[str, Any] | None) -> str | None:
    return next((f.message for f in formats if record is not None and f.fits(record)), None)
