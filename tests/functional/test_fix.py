"""`inspect-data --fix`: decidable problems are repaired, in a copy, and reported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO

from inspected_data import inspect_data
from planted import DEFECTS, IMAGES, Plant, add, box_of, change, shift_boxes, spoil
from train_teacher.core.errors import UsageError, UserError
from train_teacher.core.file_lock import held_output
from train_teacher.inspection.fix.fix_file import FixReport, fix_data
from train_teacher.inspection.load import InspectRequest

REPAIRED = [
    *("F5", "R2", "R3", "R5", "R9"),
    *("B1", "B2", "B3", "B4", "B6", "B7", "B8", "B9", "B10", "B12", "B14", "M1", "M2"),
]
MORE: dict[str, tuple[Plant, ...]] = {
    "F7": (change(3, image_id="1"),),
    "F8": (change(3, "images", width=..., height=0),),
    "N3": (add("categories", id=9, name="dog"), change(0, category_id=9)),
    "N8": (change(1, "categories", name=" dog\u200b"),),
    "N12": (
        add("categories", id=9, name="project"),
        change(1, "categories", supercategory="project"),
    ),
    "B8": (change(3, bbox=..., segmentation={"size": [240, 320], "counts": [5, 600, 76195]}),),
}


def count_from_zero(content: dict[str, Any], _folder: Path) -> None:
    for annotation in content["annotations"]:
        annotation["category_id"] -= 1


def share_an_id(content: dict[str, Any], _folder: Path) -> None:
    content["images"][1]["id"] = 1


def full_path(content: dict[str, Any], folder: Path) -> None:
    content["images"][0]["file_name"] = str(folder / content["images"][0]["file_name"])


MORE |= {"R1": (share_an_id,), "R6": (count_from_zero,), "I9": (full_path,)}


def codes(path: Path, images: Path) -> set[str]:
    return {f.code for f in inspect_data(InspectRequest(data=path, images=images)).findings}


def fix(path: Path, output: Path) -> FixReport:
    return fix_data(InspectRequest(data=path, images=path.parent), output)


@pytest.mark.parametrize("code", [*REPAIRED, "F7", "F8", "N3", "N4", "N8", "R1", "R6", "I9"])
def test_a_repaired_defect_is_gone_and_told(tmp_path: Path, code: str) -> None:
    path = spoil(tmp_path / "in", *MORE.get(code, DEFECTS.get(code, ())))
    before = path.read_bytes()
    assert code in codes(path, path.parent)
    report = fix(path, tmp_path / "out.json")

    assert path.read_bytes() == before
    assert code in {change.code for change in report.changes}
    assert all(change.count and change.ids for change in report.changes)
    assert report.left == ()
    assert COCO(tmp_path / "out.json").anns


def test_what_is_repaired_needs_no_second_repair(tmp_path: Path) -> None:
    plants = [p for code in ("R3", "B1", "B12", "M2", "B14") for p in DEFECTS[code]]
    path = spoil(tmp_path / "in", *plants)
    first = fix(path, tmp_path / "in" / "first.json")
    second = fix(tmp_path / "in" / "first.json", tmp_path / "in" / "second.json")

    assert first.changes
    assert second.changes == ()
    assert (tmp_path / "in" / "first.json").read_text() == (
        tmp_path / "in" / "second.json"
    ).read_text()


def test_an_image_record_that_stands_there_twice_is_removed_by_the_repair_that_its_cure_names(
    tmp_path: Path,
) -> None:
    path = spoil(tmp_path / "in", lambda content, _: content["images"].append(content["images"][0]))
    found = inspect_data(InspectRequest(data=path, images=path.parent)).findings
    report = fix(path, tmp_path / "out.json")

    assert ["--fix OUT.json" in f.fix for f in found if f.code == "R1"] == [True]
    assert [(change.code, change.count) for change in report.changes] == [("R1", 1)]
    assert not codes(tmp_path / "out.json", path.parent) & {"R1", "R9"}
    assert len(COCO(tmp_path / "out.json").anns) == 4 * IMAGES


@pytest.mark.parametrize("sized", [{"width": 200}, {"width": ..., "height": ...}])
def test_two_sizes_under_one_name_are_two_images_whose_cure_is_not_the_repair_just_run(
    tmp_path: Path, sized: dict[str, Any]
) -> None:
    path = spoil(tmp_path / "in", *DEFECTS["R9"], change(IMAGES, "images", **sized))
    request = InspectRequest(data=path, check_images=False)
    report = fix_data(request, tmp_path / "out.json")
    left = [finding for finding in report.left if finding.code == "R9"]

    assert len(json.loads((tmp_path / "out.json").read_bytes())["images"]) == IMAGES + 1
    assert ["one file has one size" in finding.fix for finding in left] == [True]


@pytest.mark.parametrize("code", sorted(DEFECTS | MORE))
def test_what_a_repair_leaves_is_never_advised_to_be_repaired_again(
    tmp_path: Path, code: str
) -> None:
    path = spoil(tmp_path / "in", *MORE.get(code, DEFECTS.get(code, ())))
    try:
        fix(path, tmp_path / "out.json")
    except UserError:
        return  # nothing was written
    found = inspect_data(InspectRequest(data=tmp_path / "out.json", images=path.parent)).findings

    assert [f.code for f in found if "--fix OUT.json" in f.fix] == []


def test_nothing_unknown_is_lost(tmp_path: Path) -> None:
    plant = change(3, id=0, attributes={"occluded": True}, track=7)
    path = spoil(tmp_path / "in", plant, change(0, "images", camera="left"))
    content = json.loads(path.read_text())
    path.write_text(json.dumps({"info": {"year": "2024"}, "extra": [1], **content}))
    fix(path, tmp_path / "out.json")
    copy = json.loads((tmp_path / "out.json").read_text())

    assert (copy["info"], copy["extra"]) == ({"year": "2024"}, [1])
    assert copy["images"][0]["camera"] == "left"
    assert copy["annotations"][3]["attributes"] == {"occluded": True}
    assert copy["annotations"][3]["track"] == 7
    assert [a["id"] for a in copy["annotations"]] == list(range(1, 161))


def test_what_cannot_be_decided_is_left_and_named(tmp_path: Path) -> None:
    path = spoil(tmp_path / "in", *DEFECTS["R6"], *DEFECTS["B9"])
    report = fix(path, tmp_path / "out.json")

    assert [finding.code for finding in report.left] == ["R6"]


@pytest.mark.parametrize("case", ["exists", "itself", "no folder", "folder as data", "log exists"])
def test_a_wrong_target_is_refused_and_nothing_is_written(tmp_path: Path, case: str) -> None:
    path = spoil(tmp_path / "in", *DEFECTS["R3"])
    output = tmp_path / "out.json"
    request = InspectRequest(data=path)
    if case == "exists":
        output.write_text("mine")
    elif case == "log exists":
        (tmp_path / "out.changes.json").write_text("mine")
    elif case == "itself":
        output = path
    elif case == "no folder":
        output = tmp_path / "nowhere" / "out.json"
    else:
        request = InspectRequest(data=tmp_path / "in")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*.json")}
    with pytest.raises(UsageError if case == "folder as data" else UserError):
        fix_data(request, output)

    assert {p: p.read_bytes() for p in tmp_path.rglob("*.json")} == before


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 150),
            st.sampled_from(["bbox", "area", "id", "image_id", "category_id", "segmentation"]),
            st.sampled_from([None, 0, -1, 7, 3.5, "12", [], [1, 2, 3], [1, 2, "3", 4], {"a": 1}]),
        ),
        max_size=6,
    )
)
def test_any_mix_of_mistakes_is_fixed_once_and_readable(
    tmp_path_factory: pytest.TempPathFactory, mistakes: list[tuple[int, str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("fix")
    plants = [change(index, **{key: value}) for index, key, value in mistakes]
    request = InspectRequest(data=spoil(folder, *plants), check_images=False)
    fix_data(request, folder / "first.json")
    report = fix_data(
        InspectRequest(data=folder / "first.json", check_images=False), folder / "second.json"
    )

    assert report.changes == ()
    unread = any(finding.code == "F5" for finding in report.left)
    assert unread or COCO(folder / "first.json").dataset["images"]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).parent / "inspect-data")
    return subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )


def test_the_command_tells_what_was_done(tmp_path: Path) -> None:
    path = spoil(tmp_path / "in", *shift_and_zero())
    done = run(path, "--fix", tmp_path / "out.json")

    assert (done.returncode, done.stderr) == (0, "")
    assert "x1,y1,x2,y2 turned into x,y,width,height" in done.stdout
    assert "R3" in done.stdout


def shift_and_zero() -> list[Plant]:
    return [shift_boxes(lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]]), change(0, id=0)]


@pytest.mark.parametrize(("level", "expected"), [("error", 0), ("warning", 1), ("never", 0)])
def test_the_exit_code_of_a_repair_follows_what_is_left(
    tmp_path: Path, level: str, expected: int
) -> None:
    path = spoil(tmp_path / "in", *DEFECTS["N6"], *DEFECTS["R3"])

    assert run(path, "--fix", tmp_path / "out.json", "--fail-on", level).returncode == expected


def test_a_repair_as_json_is_the_report_on_the_copy_with_what_was_done(tmp_path: Path) -> None:
    path = spoil(tmp_path / "in", *DEFECTS["N6"], *DEFECTS["R3"])
    done = run(path, "--fix", tmp_path / "out.json", "--format", "json")
    told = json.loads(done.stdout)

    assert told["path"] == str(tmp_path / "out.json")
    assert [finding["code"] for finding in told["findings"]] == ["N6"]
    assert told["fix"] == json.loads((tmp_path / "out.changes.json").read_text())
    assert [change["code"] for change in told["fix"]["changes"]] == ["R3"]


def test_the_page_of_a_repair_shows_the_copy(tmp_path: Path) -> None:
    path = spoil(tmp_path / "in", *DEFECTS["N6"], *DEFECTS["R3"])
    done = run(path, "--fix", tmp_path / "out.json", "--html", tmp_path / "page.html")

    assert (done.returncode, done.stderr) == (0, f"report: {tmp_path / 'page.html'}\n")
    assert "cls_03" in (tmp_path / "page.html").read_text()
    assert ">R3<" not in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("page", ["in/data.json", "out.json", "out.changes.json", "in/pa.jpg"])
def test_a_page_over_what_a_repair_reads_or_writes_is_wrong_usage(
    tmp_path: Path, page: str
) -> None:
    path = spoil(tmp_path / "in", *DEFECTS["R3"], change(0, "images", file_name="pa.jpg"))
    (tmp_path / "in" / "pa.jpg").write_bytes(b"an image")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    done = run(path, "--fix", tmp_path / "out.json", "--html", tmp_path / page)

    assert done.returncode == 2
    assert "--html" in done.stderr
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_a_repair_into_a_file_that_another_command_writes_is_refused_and_spoils_nothing(
    tmp_path: Path,
) -> None:
    path = spoil(tmp_path / "in", *DEFECTS["R3"])
    mark, output = tmp_path / ".out.json.unfinished", tmp_path / "out.json"
    with held_output(mark, f"--fix {output}"):
        mark.write_text("unfinished")
        output.write_text("half")
        with pytest.raises(UserError, match="another command is writing this file"):
            fix(path, output)
        assert output.read_text() == "half"
    fix(path, output)
    assert {p.name for p in tmp_path.iterdir()} == {"in", "out.json", "out.changes.json"}


def test_a_repaired_copy_that_is_complete_is_refused_and_stays(tmp_path: Path) -> None:
    path = spoil(tmp_path / "in", *DEFECTS["R3"])
    fix(path, tmp_path / "out.json")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(UserError, match="is there already"):
        fix(path, tmp_path / "out.json")
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_a_repair_over_its_input_is_wrong_usage(tmp_path: Path) -> None:
    path = spoil(tmp_path / "in", *DEFECTS["R3"])
    (tmp_path / "link.json").symlink_to(path)
    for target in (path, tmp_path / "link.json"):
        with pytest.raises(UsageError, match="would be lost"):
            fix(path, target)


X, Y, W, H = box_of(3)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ([[]], []),
        ([[f"{X}", f"{Y}.0", X + W, Y, X + W, Y + H]], [[X, Y, X + W, Y, X + W, Y + H]]),
        ([["ten", Y, X + W, Y, X + W, Y + H]], []),
    ],
)
def test_report_and_log_agree_on_polygons_that_cannot_be_used_as_written(
    tmp_path: Path, written: object, kept: object
) -> None:
    path = spoil(tmp_path / "in", change(3, segmentation=written))
    report = fix(path, tmp_path / "out.json")
    copy = json.loads((tmp_path / "out.json").read_text())

    assert codes(path, path.parent) == {"M1"}
    assert {change.code for change in report.changes} == {"M1"}
    assert copy["annotations"][3]["segmentation"] == kept
    assert report.left == ()


def test_nothing_is_left_to_the_user_that_training_mends(tmp_path: Path) -> None:
    apart = (change(0, "categories", name="a.b"), change(1, "categories", name="a b."))
    report = fix(spoil(tmp_path / "in", *apart), tmp_path / "out.json")

    assert report.changes == ()
    assert [finding.code for finding in report.left] == ["N2"]
    assert "N4" in {finding.code for finding in report.info.findings}


def test_phrases_follow_the_names_that_the_copy_has(tmp_path: Path) -> None:
    path = spoil(tmp_path / "in", *DEFECTS["N4"])
    request = InspectRequest(data=path, class_prompts={"st. bernard": "large dog"})
    report = fix_data(request, tmp_path / "in" / "out.json")

    assert "large dog" in report.info.prompt.text


def test_a_phrase_for_no_class_stops_before_anything_is_written(tmp_path: Path) -> None:
    path = spoil(tmp_path / "in", *DEFECTS["R3"])
    request = InspectRequest(data=path, class_prompts={"horse": "pony"})
    with pytest.raises(UsageError, match="no class"):
        fix_data(request, tmp_path / "out.json")

    assert not (tmp_path / "out.json").exists()


def test_names_in_an_unknown_encoding_are_never_written_down_as_rubbish(tmp_path: Path) -> None:
    categories = [{"id": 1, "name": "собака"}, {"id": 2, "name": "кошка"}]
    content = {"images": [], "annotations": [], "categories": categories}
    path, output = tmp_path / "data.json", tmp_path / "fixed.json"
    path.write_bytes(json.dumps(content, ensure_ascii=False).encode("cp1251"))
    with pytest.raises(UserError, match=r"cp1251 reads собака, кошка.*--encoding NAME"):
        fix_data(InspectRequest(data=path, check_images=False), output)
    assert not output.exists()
    fix_data(InspectRequest(data=path, check_images=False, encoding="cp1251"), output)
    assert json.loads(output.read_bytes())["categories"] == categories
