"""--fix of damaged annotation files: what was valid stays, what was repaired is not found again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

DEEP = b"[" * 100
"""In a member that nobody knows it stays, and only the exact reader takes it. NaN becomes
null, with which a record can be read that could not before."""
RENAMING = frozenset({"N3", "N4", "N8", "N12", "R4", "R6"})
WHOLE = frozenset({"R5", "R6"})
"""Ids of a file that all count from another start: recognized by all being listed then."""
RENUMBERING = frozenset({"R1", "R2", "R3", "R4", "R9", "F7"})
MOVING = frozenset({"B3", "B4", "B5", "I3"})
"""Changes of all boxes of a file, by what most of them say."""


def repair_one(path: Path, seed: int) -> None:
    """Repair one file: what was valid is still there, and what was repaired is not found again."""
    from train_teacher.inspection.fix.fix_file import fix_data
    from train_teacher.inspection.load import InspectRequest

    output, again = path.with_name(f"first{seed}.json"), path.with_name(f"second{seed}.json")
    # Other files of the folder are no images.
    request = InspectRequest(data=path, images=path.parent, check_images=False)
    first = fix_data(request, output)
    codes = {change.code for change in first.changes}
    before = valid_annotations(path.read_bytes(), names_matter=not codes & RENAMING)
    after = valid_annotations(output.read_bytes(), names_matter=not codes & RENAMING)
    total = max((len(change.ids) for change in first.changes), default=0)
    if any(c.code in WHOLE and c.count == total for c in first.changes):
        return
    if codes & MOVING:
        before, after = {key[:2] for key in before}, {key[:2] for key in after}
    assert before <= after, f"lost {sorted(before - after)}, {sorted(codes)}"
    if not codes & RENUMBERING:
        repaired = {(change.code, id_) for change in first.changes for id_ in change.ids}
        found = {(f.code, id_) for f in first.info.findings for id_ in f.ids}
        assert not repaired & found, f"found again: {sorted(map(str, repaired & found))}"
    content = path.read_bytes()
    if DEEP in content or b"NaN" in content or b"Infinity" in content:
        return
    second = fix_data(InspectRequest(data=output, check_images=False), again)
    assert not second.changes, f"repaired again: {second.changes} after {sorted(codes)}"


def valid_annotations(content: bytes, *, names_matter: bool) -> set[tuple[Any, ...]]:
    """Return (file name, class, box) of the annotations in which nothing can be doubted."""
    try:
        data = json.loads(content)
        images, categories = data["images"], data["categories"]
        annotations = list(data["annotations"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return set()
    image_of, name_of = _by_id(images, _sound_image), _by_id(categories, _sound_category)
    found = set()
    for annotation in annotations:
        if not isinstance(annotation, dict) or not _sound_box(annotation.get("bbox")):
            continue
        image = image_of.get(_key(annotation.get("image_id")))
        category = name_of.get(_key(annotation.get("category_id")))
        if image is None or category is None:
            continue
        x, y, width, height = annotation["bbox"]
        if x + width <= image["width"] and y + height <= image["height"]:
            name = category["name"] if names_matter else ""
            found.add((image["file_name"], name, (x, y, width, height)))
    return found


def _key(value: Any) -> str | None:
    """Return an id, the same for 7 and "7"."""
    return str(value) if type(value) in (int, str) else None


def _by_id(records: Any, sound: Callable[[Any], bool]) -> dict[Any, Any]:
    """Return records by id, those left out that are not alone with theirs or are not sound."""
    records = records if isinstance(records, list) else []
    ids = Counter(_key(r.get("id")) for r in records if isinstance(r, dict))
    return {_key(r["id"]): r for r in records if sound(r) and ids[_key(r["id"])] == 1}


def _sound_image(record: Any) -> bool:
    return (
        isinstance(record, dict)
        and _key(record.get("id")) is not None
        and isinstance(record.get("file_name"), str)
        and record["file_name"].isascii()
        and (record.get("width"), record.get("height")) == (64, 48)
    )


def _sound_category(record: Any) -> bool:
    return (
        isinstance(record, dict)
        and _key(record.get("id")) is not None
        and record.get("name") in ("cat", "red car")
    )


def _sound_box(box: Any) -> bool:
    return (
        isinstance(box, list)
        and len(box) == 4
        and all(type(value) in (int, float) for value in box)
        and min(box[:2]) >= 0
        and min(box[2:]) >= 1
    )
