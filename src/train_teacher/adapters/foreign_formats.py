"""Names the annotation formats that are not COCO, and says how to get COCO from them."""

from __future__ import annotations

import re
from typing import Any

_YOLO_LINE = re.compile(rb"^\s*\d+(\s+-?\d*\.?\d+(e-?\d+)?){4,}\s*$")
_YAML_NAMES = re.compile(rb"^(names|nc|train|path)\s*:", re.MULTILINE)
_DETECTION = "This is a list of detections (COCO results), not a data set: "
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


_MAGIC = (
    (
        b"PK\x03\x04",
        "This is a ZIP archive (or a PyTorch checkpoint), not a JSON. Nothing can be trained from "
        "it as it is; unpack it and give the COCO JSON inside.",
    ),
    (b"\xff\xd8\xff", "This is a picture (JPEG), not its labels. Give the COCO JSON."),
    (b"\x89PNG", "This is a picture (PNG), not its labels. Give the COCO JSON."),
    (b"7z\xbc\xaf", "This is a 7z archive, not a JSON. Unpack it and give the COCO JSON inside."),
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
    if not isinstance(top, dict):
        return None
    return _name_object(top)


def _name_list(entries: list[Any]) -> str | None:
    first = next((e for e in entries if isinstance(e, dict)), None)
    if first is None:
        return None
    if "image_id" in first and ("score" in first or "category_id" in first or "caption" in first):
        return _DETECTION + (
            "it lacks images and class names, so nothing can be trained from it. "
            "Give the ground-truth JSON that it was made from."
        )
    if "data" in first and ("annotations" in first or "predictions" in first):
        return (
            "This is a Label Studio task list, not COCO JSON. Nothing can be trained from it; "
            'in Label Studio choose "Export: COCO".'
        )
    return None


def _name_object(top: dict[str, Any]) -> str | None:
    if "shapes" in top and ("imagePath" in top or "imageHeight" in top):
        return (
            "This is a LabelMe file (one per picture), not COCO JSON. Nothing can be trained "
            "from it; convert the folder with labelme2coco."
        )
    values = [v for v in top.values() if isinstance(v, dict)]
    if "_via_img_metadata" in top or any("regions" in v and "filename" in v for v in values):
        return (
            "This is a VGG Image Annotator (VIA) project, not COCO JSON. Nothing can be trained "
            'from it; in VIA choose "Export Annotations (COCO format)".'
        )
    if "data" in top and ("annotations" in top or "predictions" in top):
        return _name_list([top])
    if top.get("type") == "FeatureCollection":
        return (
            "This is GeoJSON, not COCO JSON. Nothing can be trained from it; "
            "convert the shapes to pixel boxes in COCO format."
        )
    if "image_id" in top and "score" in top:
        return _name_list([top])
    annotations = top.get("annotations")
    return (
        name_annotation_format(annotations[0])
        if isinstance(annotations, list) and annotations
        else None
    )


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
