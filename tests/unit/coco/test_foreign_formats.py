from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from train_teacher.coco.foreign_formats import name_text_format
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


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs pull"),
        (b"<?xml version='1.0'?>\n<Error><Code>AccessDenied</Code></Error>", "download the JSON"),
        (b'{"source-ref": "s3://b/0.jpg"}\n{"source-ref": "s3://b/1.jpg"}\n', "SageMaker"),
        (b"<annotation><object><code>3</code></object></annotation>", "CVAT or Pascal VOC"),
        (b'{"image": "a.jpg"}\n{"image": "b.jpg"}\n', "JSON Lines"),
        (b"684,8,273,116,0,0,0,0\n406,119,265,70,0,0,0,0\n", "VisDrone"),
        (b"Car 0.00 0 -1.57 599 156 629 189 2.8 1.7 3.7 -0.6 1.7 7.5 -1.5\n", "KITTI"),
        (b'"{\\"images\\": [], \\"annotations\\": []}"', "encoded twice"),
        (b'[{"images": [], "annotations": [], "categories": []}]', "inside a list"),
        (b'[{"name": "a.jpg", "labels": []}]', "Scalabel"),
        (b'[{"ID": "1", "External ID": "a.jpg", "Label": {}}]', "Labelbox"),
        (b'{"version": "2.0", "item": {"name": "a.jpg"}, "annotations": []}', "V7 Darwin"),
        (b'{"videos": [], "annotations": [], "categories": []}', "YouTube-VIS"),
        (b"version https://hawser.github.com/spec/v1\noid sha256:1\n", "git lfs pull"),
        (b"../.git/annex/objects/a/b/MD5E-s1--a.json/MD5E-s1--a.json", "git annex get"),
        (b"outs:\n- md5: 1\n  path: a.json\n", "dvc pull"),
        (b'<<<<<<< HEAD\n{"images": []}\n=======\n', "conflict"),
        (b"404: Not Found", "download was refused"),
        (b"Access denied\n", "download was refused"),
        (b'{"message": "Not Found", "documentation_url": "https://h"}', "download was refused"),
        (b'{"error": {"code": 403}}', "download was refused"),
        (b'<?xml version="1.0"?><ErrorResponse></ErrorResponse>', "download was refused"),
        (b"<head><title>403</title></head>", "web page"),
        (b"<annotations><meta><message>hi</message></meta></annotations>", "CVAT"),
        (b"<annotation><filename>a.jpg</filename></annotation>", "datum convert -if voc"),
        (b"a.json" + 251 * b"\0" + b"ustar\0", "tar archive"),
        (b"BZh91AY&SY", "Unpack it"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"GIF89a", "not its labels"),
        (b"{'images': [{'id': 1}]}", "single quotes"),
        (b"var data = {}", "JavaScript"),
        (b'callback({"images": []});', "JavaScript"),
        (b'// mine\n{"images": []}', "comment"),
        (b'/* mine */ {"images": []}', "comment"),
        (b"./images/a.jpg\n./images/b.JPG\n", "list of image files"),
        (b"0--Parade/0_Parade_1.jpg\n1\n449 330 122 149 0 0 0 0 0 0\n", "list of image files"),
        (b"II+\0\x08\0\0\0", "not its labels"),
        (b"MM\0+\0\x08\0\0", "not its labels"),
        (b"\0\0\0\x20ftypisom\0\0\2\0", "not its labels"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "Excel"),
        (b'{"features": {"image": {}}, "splits": {}}', "Hugging Face"),
        (b"0 5e-05 1.2E-3 0.1 0.1\n", "YOLO"),
        (b"gsd:0.1\n1 2 3 4 5 6 7 8 plane 0\n", "DOTA"),
        (b"275.0 240.0 286.0 238.0 288.0 246.0 280.0 250.0 plane 0\n", "DOTA"),
        (b"ImageID,Source,LabelName,XMin,XMax\n1,x,/m/0,1,2\n", "Open Images"),
        (b"img/a.jpg,10,20,30,40,dog\n", "CSV"),
        (b'"\\"{\\\\\\"images\\\\\\": [], \\\\\\"annotations\\\\\\": []}\\""', "encoded twice"),
        (b'{"coco": {"images": [], "annotations": [], "categories": []}}', "inside another object"),
        (b'{"source-ref": "s3://b/0.jpg", "boxes": {}}', "SageMaker"),
        (b'[{"imagefilename": "a.jpg", "annotation": []}]', "CreateML"),
        (b'{"image": "a.jpg", "annotations": []}', "CreateML"),
        (b'[{"data": {"image": "a.jpg"}}]', "Label Studio"),
        (b'[{"image": "a.jpg", "annotation_id": 1, "annotator": 1}]', "JSON-MIN"),
        (b'[{"name": "a.jpg", "videoName": "", "timestamp": 1}]', "Scalabel"),
        (b'{"frames": [{"name": "a.jpg"}], "config": {}}', "Scalabel"),
        (b'{"task_id": "1", "response": {}}', "Scale AI"),
        (b'{"dataset": "x", "image": {"width": 1}, "annotations": []}', "V7 Darwin"),
        (b'{"project": {}, "config": {}, "attribute": {}, "file": {}, "view": {}}', "VIA"),
        (b'{"classes": [], "tags": [], "projectType": "images"}', "Supervisely"),
        (b'{"imgHeight": 1, "imgWidth": 2, "objects": []}', "Cityscapes"),
        (b'{"samples": [{"filepath": "a.jpg"}]}', "FiftyOne"),
        (b'[{"token": "a", "category_token": "b", "bbox": []}]', "nuImages"),
        (b'{"predictions": [], "image": {"width": 1}}', "inference"),
    ],
)
def test_a_file_under_a_wrong_name_is_named_by_its_content(
    tmp_path: Path, content: bytes, named: str
) -> None:
    path = tmp_path / "labels.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=re.escape(named)) as told:
        read_coco(path)

    assert ": F3 " in str(told.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"info": {}\n, "images": [{"id"', "F1 ends in the middle"),
        (b'{"images": [], "categories": [], "annotations": {"1": {"id": 1}}}', "F4 .*keyed by id"),
        (b'{"images": [], "frames": []}', "F4"),
        (b'{"images": [], "annotations": [], "error": 1}', "F4"),
        (b'{"images": [], "annotations": [], "info": {"images": 1, "annotations": 2}}', "F4"),
        (b'{"images": [{"id": 1}, ', "F1"),
        (b"just words, and more\n", "F1"),
        (b"{}", "F4"),
    ],
)
def test_what_is_no_known_format_is_given_no_name(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "labels.json"
    path.write_bytes(content)

    with pytest.raises(UserError, match=f": {said}"):
        read_coco(path)


def test_a_first_line_that_is_nested_too_deep_is_no_json_lines() -> None:
    line = b'{"a":' + b"[" * 5000
    assert name_text_format(line + b"\n" + line, ".json") is None
