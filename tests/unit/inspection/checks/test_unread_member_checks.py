from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coco_factory import clean_annotations
from inspected_data import file_of, read
from train_teacher.coco.attribute_classes import with_classes_from
from train_teacher.inspection.checks.unread_member_checks import check_members

ROBOFLOW = {"year": "2022", "description": "Exported from roboflow.com"}
CVAT = {"attributes": {"occluded": False}}


def told(folder: Path, members: dict[str, Any], **others: Any) -> list[tuple[str, str]]:
    annotations = [{**record, **members} for record in clean_annotations()]
    findings = check_members(file_of(read(folder, annotations=annotations, **others)))
    assert {f.severity for f in findings} <= {"info"}
    return [(f.code, f.message) for f in findings]


@pytest.mark.parametrize(
    ("members", "info"),
    [
        ({}, {}),
        ({}, {"year": 2017, "description": "COCO 2017 Dataset"}),
        ({}, ROBOFLOW),
        ({}, {"year": "", "description": "Exported from FiftyOne"}),
        (CVAT, {}),
        ({"keypoints": [1, 2, 2], "num_keypoints": 1}, {}),
    ],
)
def test_what_programs_always_write_is_not_mentioned(
    tmp_path: Path, members: dict[str, Any], info: dict[str, Any]
) -> None:
    assert told(tmp_path, members, info=info) == []


def test_an_attribute_that_tells_kinds_is_offered_as_classes_until_it_is(tmp_path: Path) -> None:
    annotations = [
        {**record, "attributes": {"type": "ab"[n % 2]}}
        for n, record in enumerate(clean_annotations())
    ]
    dataset = read(tmp_path, annotations=annotations)
    (finding,) = check_members(file_of(dataset))

    assert "--class-from attributes.type" in finding.fix
    assert check_members(file_of(with_classes_from(dataset, "attributes.type"))) == []


def test_members_that_are_not_read_are_one_f6(tmp_path: Path) -> None:
    assert told(tmp_path, {"score": 0.5, "tags": []}, info={"year": "2024"}) == [
        (
            "F6",
            'annotations have "score", "tags"; info.year is the text "2024", which training does '
            "not read",
        )
    ]


def test_an_empty_mask_everywhere_is_m7_and_beside_real_ones_is_not(tmp_path: Path) -> None:
    ((code, message),) = told(tmp_path, {"segmentation": []})

    assert (code, message.split(":")[0]) == ("M7", "there are no masks")
    assert told(tmp_path, {"segmentation": [[1, 1, 9, 1, 9, 9]]}) == []


def attributes_told(folder: Path, values: list[Any]) -> list[str]:
    records = [
        {**record, "attributes": {"occluded": False, "type": values[n % len(values)]}}
        for n, record in enumerate(clean_annotations())
    ]
    return [f.message for f in check_members(file_of(read(folder, annotations=records)))]


def test_an_attribute_that_tells_kinds_of_object_is_mentioned(tmp_path: Path) -> None:
    assert attributes_told(tmp_path, ["car", "bus", "truck"]) == [
        'the attribute "type" (3 values), which training does not read'
    ]


@pytest.mark.parametrize("values", [["car"], [True, False], [""], list("abcdefghijklmnopqrstuvwx")])
def test_marks_and_free_text_are_no_kinds(tmp_path: Path, values: list[Any]) -> None:
    assert attributes_told(tmp_path, values) == []
