"""Names the annotation formats that are not COCO, and says how to get COCO from them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_YOLO_LINE = re.compile(rb"^\s*\d+(\s+-?\d*\.?\d+(e-?\d+)?){4,}\s*$")
_YAML_NAMES = re.compile(rb"^(names|nc|train|path)\s*:", re.MULTILINE)
_PEEK = 4096
_WEB_PAGE = (
    "This is a web page (HTML), not a data set: the download was probably refused. "
    "Nothing can be trained from it; sign in and download the JSON again."
)
_XML = (
    "This is XML (CVAT or Pascal VOC), not COCO JSON. Nothing can be trained from it; "
    'in CVAT choose "Export dataset: COCO 1.0", or convert the VOC folder to COCO.'
)
_YOLO = (
    "This is a YOLO label file, not COCO JSON. Nothing can be trained from it; "
    "export the project again as COCO, or convert the whole YOLO folder to COCO."
)
_YAML = (
    "This is a YAML file (a YOLO data set description?), not COCO JSON. "
    "Nothing can be trained from it; export the project again as COCO."
)
_TABLE = (
    "This is a table (CSV), not COCO JSON. Nothing can be trained from it; "
    "export the project again as COCO."
)


_PICKLE = "This is a Python pickle, not a JSON. Give the COCO JSON."
_ODVG = (
    "This is a file of ODVG (the training format of MM Grounding DINO), not COCO JSON. "
    "train-teacher writes it by itself where it is needed; give the COCO JSON it was made from."
)
_EXPORT_AGAIN = (
    "not COCO JSON. Nothing can be trained from it; export or convert the whole project to COCO."
)
_FIRST_OF_ODVG = re.compile(rb'^\{[^\n]*"filename"[^\n]*"(detection|grounding)"\s*:[^\n]*\}\s*\n')
_PLAIN_VALUES = {bool: "true or false", int: "a number", float: "a number", str: "a text"}


_MAGIC = (
    (
        b"PK\x03\x04",
        "This is a ZIP archive (or a PyTorch checkpoint), not a JSON. Nothing can be trained from "
        "it as it is; unpack it and give the COCO JSON inside.",
    ),
    (b"\xff\xd8\xff", "This is an image (JPEG), not its labels. Give the COCO JSON."),
    (b"\x89PNG", "This is an image (PNG), not its labels. Give the COCO JSON."),
    (b"7z\xbc\xaf", "This is a 7z archive, not a JSON. Unpack it and give the COCO JSON inside."),
    (b"\x93NUMPY", "This is a NumPy array, not a JSON. Give the COCO JSON."),
    (b"%PDF", "This is a PDF document, not a JSON. Give the COCO JSON."),
    *((bytes((0x80, version)), _PICKLE) for version in (2, 3, 4, 5)),
    (b"Rar!", "This is a RAR archive, not a JSON. Unpack it and give the COCO JSON inside."),
)


def name_binary_format(data: bytes) -> str | None:
    """Return what a binary file is, with the cure; None when unknown.

    Args:
        data: the file's bytes, or their beginning.
    """
    return next((told for magic, told in _MAGIC if data.startswith(magic)), None)


def name_text_format(data: bytes, suffix: str) -> str | None:
    """Return what a file that is not JSON is, with the cure; None when unknown.

    Args:
        data: the file's bytes.
        suffix: its extension, such as `.txt`.
    """
    head = data[:_PEEK].lstrip()
    if head.startswith(b"<"):
        return _WEB_PAGE if b"<html" in head.lower() or b"<!doctype" in head.lower() else _XML
    if _FIRST_OF_ODVG.match(head):
        return _ODVG
    if not head or head.startswith((b"{", b"[")):
        return None
    if _YOLO_LINE.match(head.splitlines()[0]):
        return _YOLO
    if suffix.lower() in {".yaml", ".yml"} or _YAML_NAMES.search(head):
        return _YAML
    return _TABLE if suffix.lower() in {".csv", ".tsv"} else None


def name_json_format(top: object) -> str | None:
    """Return what a JSON without COCO's three lists is, with the cure; None when unknown.

    Args:
        top: the decoded file.
    """
    if isinstance(top, list):
        return _name_list(top)
    if isinstance(top, dict):
        return _name_object(top)
    value = "null and nothing else" if top is None else _PLAIN_VALUES.get(type(top))
    return f"The file holds {value}: it is {_EXPORT_AGAIN}" if value else None


def _name_list(entries: list[Any]) -> str | None:
    first = next((e for e in entries if isinstance(e, dict)), None)
    if first is None:
        return None
    return next((told for is_it, told in _LISTS if is_it(first)), None)


def _name_object(top: dict[str, Any]) -> str | None:
    told = next((told for is_it, told in _OBJECTS if is_it(top)), None)
    if told is not None:
        return told
    if "data" in top or ("image_id" in top and ("score" in top or "caption" in top)):
        return _name_list([top])
    annotations = top.get("annotations")
    return (
        name_annotation_format(annotations[0])
        if isinstance(annotations, list) and annotations
        else None
    )


def _is_via(top: dict[str, Any]) -> bool:
    values = [v for v in top.values() if isinstance(v, dict)]
    return "_via_img_metadata" in top or any("regions" in v and "filename" in v for v in values)


Signs = tuple[tuple[Callable[[dict[str, Any]], bool], str], ...]
_LISTS: Signs = (
    (
        lambda first: "image_id" in first and "caption" in first,
        "This is a list of captions (COCO results), not object detection: it has no boxes to "
        "train on. Give the instances_*.json of the same set.",
    ),
    (
        lambda first: "image_id" in first and ("score" in first or "category_id" in first),
        "This is a list of detections (COCO results), not a data set: it lacks images and class "
        "names, so nothing can be trained from it. Give the ground-truth JSON that it was made "
        "from.",
    ),
    (
        lambda first: "data" in first and ("annotations" in first or "predictions" in first),
        "This is a Label Studio task list, not COCO JSON. Nothing can be trained from it; "
        'in Label Studio choose "Export: COCO".',
    ),
    (
        lambda first: "annotation_id" in first and "lead_time" in first,
        "This is Label Studio's JSON-MIN, not COCO JSON. Nothing can be trained from it; "
        'in Label Studio choose "Export: COCO".',
    ),
    (
        lambda first: "image" in first and isinstance(first.get("annotations"), list),
        f"This is a CreateML file, {_EXPORT_AGAIN}",
    ),
)
"""How the first entry of a list tells the format."""
_OBJECTS: Signs = (
    (
        lambda top: "shapes" in top and ("imagePath" in top or "imageHeight" in top),
        "This is a LabelMe file (one per image), not COCO JSON. Nothing can be trained "
        "from it; convert the folder with labelme2coco.",
    ),
    (
        _is_via,
        "This is a VGG Image Annotator (VIA) project, not COCO JSON. Nothing can be trained "
        'from it; in VIA choose "Export Annotations (COCO format)".',
    ),
    (
        lambda top: top.get("type") == "FeatureCollection",
        "This is GeoJSON, not COCO JSON. Nothing can be trained from it; "
        "convert the shapes to pixel boxes in COCO format.",
    ),
    (lambda top: "filename" in top and ("detection" in top or "grounding" in top), _ODVG),
    (
        lambda top: "objects" in top and isinstance(top.get("size"), dict),
        f"This is a Supervisely file (one per image), {_EXPORT_AGAIN}",
    ),
    (
        lambda top: "items" in top and isinstance(top.get("categories"), dict),
        f"This is a Datumaro file, {_EXPORT_AGAIN}",
    ),
)
"""How the members of an object tell the format."""


def name_annotation_format(first: object) -> str | None:
    """Return which kind of COCO file without boxes this is, with the cure; None when it has boxes.

    Args:
        first: the first entry of `annotations`, decoded.
    """
    if not isinstance(first, dict) or "bbox" in first or "segmentation" in first:
        return None
    if "segments_info" in first:
        return (
            "This is a COCO panoptic file (segments in PNG files), not object detection. "
            "It has no boxes to train on; give the instances_*.json of the same set."
        )
    if "keypoints" in first:
        return (
            "This is a COCO keypoints file without boxes, not object detection. "
            "It has no boxes to train on; give the instances_*.json of the same set."
        )
    if "caption" in first:
        return (
            "This is a COCO captions file, not object detection. "
            "It has no boxes to train on; give the instances_*.json of the same set."
        )
    return None
