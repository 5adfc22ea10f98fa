from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coco_factory import category, clean_annotations, image
from inspected_data import file_of, read
from train_teacher.coco.categories import detect_exporter
from train_teacher.inspection.checks.exporter_checks import check_exporter

EXPORTED = {"isbbox": True, "color": "#ff0000", "metadata": {}}


@pytest.mark.parametrize(
    ("sections", "exporter"),
    [
        ({}, None),
        ({"info": {"description": "LVIS v1", "year": 2020}}, "LVIS"),
        ({"info": {"description": "COCO 2017 Dataset"}}, "COCO"),
        ({"annotations": [{**a, **EXPORTED} for a in clean_annotations()]}, "COCO Annotator"),
        ({"annotations": [{**a, "color": "red"} for a in clean_annotations()]}, None),
        ({"images": [image(1, "a_jpg.rf.0a.jpg")]}, "Roboflow"),
        ({"categories": [category(0, "_background_"), category(1, "cat")]}, "labelme"),
    ],
)
def test_a_program_is_known_by_its_fingerprint(
    tmp_path: Path, sections: dict[str, Any], exporter: str | None
) -> None:
    assert detect_exporter(read(tmp_path, **sections)) == exporter


@pytest.mark.parametrize("member", ["neg_category_ids", "not_exhaustive_category_ids"])
def test_federated_labels_are_f9(tmp_path: Path, member: str) -> None:
    dataset = read(tmp_path)
    members = ["id", "file_name", member]

    (finding,) = check_exporter(file_of(dataset, members=members))

    assert (finding.code, finding.severity, finding.count) == ("F9", "warning", 12)
    assert detect_exporter(dataset, members) == "LVIS"
    assert check_exporter(file_of(dataset, members=["id", "file_name"])) == []
