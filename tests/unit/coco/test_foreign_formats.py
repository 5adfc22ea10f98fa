from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from train_teacher.coco.reader import read_coco
from train_teacher.core.errors import UserError

ODVG = {"filename": "a.jpg", "height": 4, "width": 5, "detection": {"instances": []}}


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ([{"image_id": 1, "caption": "a dog"}], "list of captions"),
        ([{"image_id": 1, "category_id": 1, "bbox": [], "score": 0.5}], "list of detections"),
        ([{"image": "a.jpg", "annotations": [{"label": "x", "coordinates": {}}]}], "CreateML"),
        ([{"image": "/a.jpg", "annotation_id": 1, "lead_time": 2.5}], "JSON-MIN"),
        ({"infos": {}, "categories": {"label": {}}, "items": []}, "Datumaro"),
        ({"size": {"height": 4, "width": 5}, "tags": [], "objects": []}, "Supervisely"),
        (ODVG, "ODVG"),
        (None, "null and nothing else"),
        (5, "a number"),
        (True, "true or false"),
        ("x", "a text"),
    ],
)
def test_a_json_of_another_format_is_named(tmp_path: Path, content: Any, named: str) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps(content), encoding="utf-8")

    with pytest.raises(UserError, match=named) as told:
        read_coco(path)

    assert "COCO" in str(told.value)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ((json.dumps(ODVG) + "\n").encode() * 3, "ODVG"),
        (b"\x93NUMPY\x01\x00", "NumPy"),
        (b"\x80\x04\x95\x0b\x00", "pickle"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_a_file_that_is_no_json_is_named(tmp_path: Path, content: bytes, named: str) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(content)

    with pytest.raises(UserError, match=named):
        read_coco(path)
