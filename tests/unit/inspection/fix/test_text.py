from __future__ import annotations

import json
from pathlib import Path

from coco_factory import annotation, clean_annotations, make_coco
from train_teacher.inspection.fix.fix_file import FixReport, fix_data
from train_teacher.inspection.fix.text import render_fix, render_fix_json
from train_teacher.inspection.load import InspectRequest


def fixed(folder: Path, *more: dict[str, object]) -> FixReport:
    boxes = [*clean_annotations(), *more]
    path = make_coco(folder, annotations=boxes, write_images=False)
    request = InspectRequest(data=path, check_images=False)
    return fix_data(request, folder / "out.json")


def test_every_kind_of_change_is_one_line_with_its_count(tmp_path: Path) -> None:
    text = render_fix(fixed(tmp_path, annotation(90, bbox=["6", 7, 20, 10])))

    assert text.startswith(f"Repaired copy: {tmp_path / 'out.json'}\n")
    assert "  F5         1  " in text
    assert "Every change with its ids: " in text


def test_a_file_in_order_is_called_a_plain_copy(tmp_path: Path) -> None:
    assert "Nothing had to be repaired" in render_fix(fixed(tmp_path))


def test_what_only_the_user_can_decide_comes_with_its_cure(tmp_path: Path) -> None:
    text = render_fix(fixed(tmp_path, annotation(90, category_id=77)))

    left = text[text.index("Left for you") :]
    assert "R6" in left
    assert "Define the category or correct category_id" in left


def test_the_json_holds_the_facts_of_the_copy_and_what_was_changed(tmp_path: Path) -> None:
    facts = json.loads(render_fix_json(fixed(tmp_path, annotation(90, bbox=["6", 7, 20, 10]))))

    assert facts["num_images"] == 12
    assert [(change["code"], change["ids"]) for change in facts["fix"]["changes"]] == [("F5", [90])]
