"""An audit is read on a terminal, looked at on a page, and worked on in Label Studio."""

from __future__ import annotations

import json
from pathlib import Path

from audited import IMAGES, NAMES, SIDE, looked
from coco_factory import write_image
from page_reader import read_page
from train_teacher.audit.audit import Audit, AuditResult
from train_teacher.audit.output import render_audit, write_page, write_tasks
from train_teacher.audit.suspects import find_suspects


def audited(folder: Path) -> AuditResult:
    suspects = tuple(find_suspects([looked(folder)], NAMES, 0.4))
    for suspect in suspects:
        write_image(folder / suspect.file_name)
    audit = Audit(
        teacher="exp1",
        images={"val.json": IMAGES},
        labels=IMAGES - 1,
        left_out=7,
        threshold=0.4,
        suspects=suspects,
    )
    places = {("val.json", suspect.file_name): (folder, SIDE, SIDE) for suspect in suspects}
    return AuditResult(audit, places, turned=True)


def test_the_text_says_what_is_doubted_why_and_what_was_left_out(tmp_path: Path) -> None:
    lines = render_audit(audited(tmp_path)).splitlines()
    assert "119 labels, 2 doubted; a box is sure from a score of 0.40 on" in lines
    assert any(line.startswith("7 images are left out") for line in lines)
    assert "missing        1  a sure box and no label" in lines
    assert any(line.endswith("1.jpg (image i1): cat 0.90 has no label") for line in lines)
    assert any("dog (annotation 1002) is rather cat 0.90" in line for line in lines)


def test_the_page_shows_each_suspect_with_a_crop(tmp_path: Path) -> None:
    write_page(tmp_path / "audit.html", audited(tmp_path))
    page = (tmp_path / "audit.html").read_text(encoding="utf-8")
    assert "script" not in read_page(page).tags
    assert page.count('src="data:image/jpeg') == 2
    assert "has no label" in page


def test_label_studio_gets_a_task_for_each_image_with_kind_and_probability(tmp_path: Path) -> None:
    write_tasks(tmp_path / "tasks.json", audited(tmp_path))
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    kinds = [task["predictions"][0]["result"][0]["value"]["rectanglelabels"] for task in tasks]
    assert sorted(kinds) == [["class"], ["missing"]]
    assert all(task["predictions"][0]["result"][0]["score"] > 0.9 for task in tasks)
    assert '<Label value="phantom"' in (tmp_path / "tasks.xml").read_text()
