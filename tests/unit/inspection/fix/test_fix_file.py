"""`--fix` changes nothing right, loses nothing good, and needs no second run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pycocotools import mask
from pycocotools.coco import COCO

from coco_factory import annotation, category, clean_annotations, coco, image, make_coco
from inspected_data import inspect_data
from train_teacher.core.errors import UserError
from train_teacher.inspection.fix import fix_file as use_case
from train_teacher.inspection.fix.fix_file import FixReport, fix_data
from train_teacher.inspection.fix.records import WHAT_IS_DONE
from train_teacher.inspection.load import InspectRequest

Content = dict[str, Any]
OUTLINE = [[4, 5, 24, 5, 24, 15, 4, 15]]


def fix(folder: Path, content: Content, *, images: bool = False) -> tuple[FixReport, Content]:
    """Repair a data set, see that a second repair changes nothing, and return the copy."""
    path = make_coco(folder, write_images=images, **content)
    report = fix_data(
        InspectRequest(data=path, images=folder, check_images=images), folder / "out.json"
    )
    again = InspectRequest(data=folder / "out.json", images=folder, check_images=images)

    assert fix_data(again, folder / "again.json").changes == ()
    unread = any(finding.code == "F5" for finding in report.left)
    assert unread or COCO(folder / "out.json").dataset["images"]
    return report, json.loads((folder / "out.json").read_text())


def told(report: FixReport) -> dict[str, tuple[object, ...]]:
    return {change.code: change.ids for change in report.changes}


def corners(record: Content) -> Content:
    x, y, w, h = record["bbox"]
    return {**record, "bbox": [x, y, x + w, y + h]}


def spread(count: int = 12) -> Content:
    """Return boxes of which every second lies where only COCO's reading fits."""
    content = coco([image(i) for i in range(1, count + 1)])
    for record in content["annotations"][::2]:
        record["bbox"][:2] = [40, 30]
    return content


def shares(record: Content) -> Content:
    x, y, w, h = record["bbox"]
    return {**record, "bbox": [x / 64, y / 48, w / 64, h / 48], "area": 0.1}


def test_what_is_right_is_copied_digit_by_digit(tmp_path: Path) -> None:
    content = coco()
    content["annotations"][0] |= {"bbox": [4.123456789, 5.0, 20.1, 10], "area": 201.234567891}
    content["annotations"][1] |= {"bbox": [13, 5, 0, 10]}
    report, copy = fix(tmp_path, content)

    assert told(report) == {"B1": (2,)}
    assert copy["annotations"] == [content["annotations"][0], *content["annotations"][2:]]
    assert "4.123456789, 5.0, 20.1, 10" in (tmp_path / "out.json").read_text()


def test_boxes_in_pixels_among_normalised_ones_are_left_alone(tmp_path: Path) -> None:
    content = spread(30)
    right = content["annotations"]
    content["annotations"] = [right[0], *map(shares, right[1:])]
    report, copy = fix(tmp_path, content)

    assert len(told(report)["B3"]) == len(right) - 1
    assert [a["bbox"] for a in copy["annotations"]] == [a["bbox"] for a in right]
    assert [a["area"] for a in copy["annotations"]] == [a["area"] for a in right]


def test_normalised_polygons_follow_their_boxes(tmp_path: Path) -> None:
    content = spread()
    content["annotations"] = list(map(shares, content["annotations"]))
    content["annotations"][0]["segmentation"] = [[0.25, 0.25, 0.5, 0.25, 0.5, 0.75]]
    _, copy = fix(tmp_path, content)

    assert copy["annotations"][0]["segmentation"] == [[16, 12, 32, 12, 32, 36]]
    assert copy["annotations"][0]["area"] == 16 * 24 / 2


def test_normalised_boxes_of_unknown_images_are_left_and_not_lost(tmp_path: Path) -> None:
    content = coco([image(1, width=None), *(image(i) for i in range(2, 13))])
    content["annotations"] = list(map(shares, content["annotations"]))
    report, copy = fix(tmp_path, content)

    assert report.changes == ()
    assert copy["annotations"] == content["annotations"]
    assert "B3" in {finding.code for finding in report.left}


@pytest.mark.parametrize(
    ("ids", "used", "renumbered"),
    [
        ([1, 1, 3, 4], {1, 2, 3, 4}, {1: 2}),
        ([2, 2, 3, 4], {1, 2, 3, 4}, {0: 1}),
        ([1, 2, 3, 3], {1, 2, 3, 4}, {3: 4}),
        ([1, 1, 3, 5, 5, 7], {1, 2, 3, 5, 6, 7}, {1: 2, 4: 6}),
        ([1, 2, 3, 3], {1, 2, 3, 9}, {}),
        ([1, 1, 3, 3], {1, 2, 3, 4}, {}),
        ([1, 1, 3, 4], {1, 3, 4}, {}),
        ([1, 2, 3, 1], {1, 2, 3, 9, 10}, {}),
        ([4, 1, 1, 3], {1, 2, 3, 4}, {}),
        ([1, 1, 1, 4], {1, 2, 3, 4}, {}),
    ],
)
def test_an_image_with_the_id_of_another_gets_its_own_where_that_can_be_told(
    tmp_path: Path, ids: list[int], used: set[int], renumbered: dict[int, int]
) -> None:
    images = [image(id_, f"p{row}.jpg") for row, id_ in enumerate(ids)]
    records = [annotation(n, id_, bbox=[n, 5, 20, 10]) for n, id_ in enumerate(sorted(used), 1)]
    report, copy = fix(tmp_path, coco(images, records))

    assert [i["id"] for i in copy["images"]] == [
        renumbered.get(row, id_) for row, id_ in enumerate(ids)
    ]
    assert ("R1" in told(report)) is bool(renumbered)
    if renumbered:
        assert copy["annotations"] == records
        assert not {"R1", "R5"} & {finding.code for finding in report.left}


@pytest.mark.parametrize("compressed", [True, False])
def test_a_box_is_taken_from_run_lengths(tmp_path: Path, compressed: bool) -> None:
    pixels = np.zeros((48, 64), np.uint8, order="F")
    pixels[7:17, 9:29] = 1
    encoded = mask.encode(pixels)["counts"].decode()
    counts = encoded if compressed else [9 * 48 + 7, *[10, 38] * 19, 10, 48 * 35 + 31]
    content = coco()
    content["annotations"][0] |= {"segmentation": {"size": [48, 64], "counts": counts}}
    del content["annotations"][0]["bbox"]
    report, copy = fix(tmp_path, content)

    assert told(report) == {"B8": (1,)}
    assert copy["annotations"][0]["bbox"] == [9, 7, 20, 10]


def test_a_box_from_a_mask_is_no_pair_of_corners(tmp_path: Path) -> None:
    boxes = [[30, 20, 30, 20 + n] for n in range(11)]
    records = [corners(annotation(n + 2, n + 2, bbox=box)) for n, box in enumerate(boxes)]
    content = coco(annotations=[annotation(1, bbox=..., segmentation=OUTLINE), *records])
    report, copy = fix(tmp_path, content)

    assert told(report) == {"B4": tuple(range(2, 13)), "B8": (1,)}
    assert [a["bbox"] for a in copy["annotations"]] == [[4, 5, 20, 10], *boxes]


@pytest.mark.parametrize(("listed", "used"), [(1, 0), (0, 1)])
def test_categories_counted_from_another_start_keep_their_objects(
    tmp_path: Path, listed: int, used: int
) -> None:
    names = ["car", "bus", "vehicle"]
    parents = ["vehicle", "vehicle", "none"] if listed else [None] * 3
    categories = [
        category(n + listed, name, supercategory=parent)
        for n, (name, parent) in enumerate(zip(names, parents, strict=True))
    ]
    records = [annotation(n + 1, n + 1, n % 3 + used, is_a=names[n % 3]) for n in range(12)]
    report, copy = fix(tmp_path, coco(annotations=records, categories=categories))
    name_of = {c["id"]: c["name"] for c in copy["categories"]}

    assert set(told(report)) == {"R6"}
    assert [name_of[a["category_id"]] for a in copy["annotations"]] == [
        a["is_a"] for a in copy["annotations"]
    ]


def test_an_undefined_class_beside_an_exporters_root_is_not_moved(tmp_path: Path) -> None:
    categories = [category(0, "pets", supercategory="none")]
    categories += [category(n, name, supercategory="pets") for n, name in ((1, "cat"), (2, "dog"))]
    records = [annotation(n, n, n % 3 + 1) for n in range(1, 13)]
    report, copy = fix(tmp_path, coco(annotations=records, categories=categories))

    assert [a["category_id"] for a in copy["annotations"]] == [r["category_id"] for r in records]
    assert "R6" in {finding.code for finding in report.left}


def test_a_file_listed_twice_with_all_its_boxes_is_merged_at_once(tmp_path: Path) -> None:
    content = coco()
    twin = {**content["images"][0], "id": 90}
    del twin["width"]
    copies = [{**a, "id": a["id"] + 90, "image_id": 90} for a in content["annotations"][:2]]
    content["images"].append(twin)
    content["annotations"] += copies
    report, copy = fix(tmp_path, content, images=True)

    assert told(report) == {"R9": (90,), "B14": (91, 92)}
    assert (copy["images"], copy["annotations"]) == (
        content["images"][:12],
        content["annotations"][:24],
    )


def test_equal_boxes_of_merged_classes_become_one(tmp_path: Path) -> None:
    content = coco()
    content["categories"].append(category(9, "cat"))
    content["annotations"].append({**content["annotations"][0], "id": 90, "category_id": 9})
    report, _ = fix(tmp_path, content)

    assert told(report) == {"N3": (9,), "B14": (90,)}


def test_equal_boxes_of_two_undefined_classes_stay_two(tmp_path: Path) -> None:
    content = coco()
    content["annotations"] += [annotation(90, 1, 77), annotation(91, 1, 78)]
    report, copy = fix(tmp_path, content)

    assert report.changes == ()
    assert len(copy["annotations"]) == 26


def test_equal_boxes_of_images_that_could_not_be_read_stay_apart(tmp_path: Path) -> None:
    """Their records stay in the copy, so that the right one for the boxes can still be found."""
    content = coco(images=[image(n) for n in range(1, 101)])
    content["images"] += [{"id": 201}, {"id": 202}]
    content["annotations"] += [annotation(901, 201), annotation(902, 202)]
    report, copy = fix(tmp_path, content)

    assert {201, 202} <= {a["image_id"] for a in copy["annotations"]}
    assert "B14" not in told(report)


def test_classes_of_which_nothing_is_visible_are_not_merged(tmp_path: Path) -> None:
    content = coco(categories=[category(1, " "), category(2, "\u200b")])
    report, copy = fix(tmp_path, content)

    assert (report.changes, copy["categories"]) == ((), content["categories"])


@pytest.mark.parametrize(
    ("section", "index", "key", "wrong", "right"),
    [
        ("images", 0, "width", "64", 64),
        ("images", 0, "id", 1.0, 1),
        ("categories", 0, "name", 7, "7"),
        ("categories", 0, "id", 1.0, 1),
        ("annotations", 0, "id", 1.0, 1),
        ("annotations", 0, "image_id", 1.0, 1),
        ("annotations", 0, "category_id", 1.0, 1),
        ("annotations", 0, "ignore", "0", 0),
        ("annotations", 0, "iscrowd", "0", 0),
        ("annotations", 0, "area", "200.5", 200.5),
        ("annotations", 0, "bbox", ["4.123456", 5, 20, 10], [4.123456, 5, 20, 10]),
    ],
)
def test_a_value_of_the_wrong_type_is_converted_and_told(
    tmp_path: Path, section: str, index: int, key: str, wrong: object, right: object
) -> None:
    content = coco()
    content[section][index] = {**content[section][index], key: wrong}
    report, copy = fix(tmp_path, content)
    value = copy[section][index][key]

    assert set(told(report)) == {"F5"}
    assert (value, type(value)) == (right, type(right))
    assert "F5" not in {finding.code for finding in report.left}


def test_records_that_cannot_be_read_stay_as_they_are_and_are_told(tmp_path: Path) -> None:
    content = coco([image(i) for i in range(1, 61)])
    content["annotations"][4:4] = [annotation(990, image_id=[1, 2]), 7]
    content["annotations"] += [
        {**annotation(991), "bbox": "somewhere"},
        {**annotation(992), "bbox": ..., "segmentation": {"size": [48, 64], "counts": "zz~~"}},
        annotation(993, 70),
    ]
    del content["annotations"][-2]["bbox"]
    content["images"].append({"id": 70, "width": 64, "height": 48})
    content["categories"].append({"id": "x"})
    report, copy = fix(tmp_path, content)

    assert told(report) == {}
    assert copy == content
    left = {path for finding in report.left for path in finding.ids}
    assert left >= {"annotations[4].image_id", "annotations[5]", "annotations[122].bbox", 992, 993}
    assert left >= {"images[60].file_name", "categories[2].name"}


@pytest.mark.parametrize("mask", ["masks/1.png", [{"size": [48, 64], "counts": "x"}] * 2])
def test_a_mask_in_an_unknown_form_stays_beside_its_box(tmp_path: Path, mask: object) -> None:
    content = coco()
    content["annotations"][0]["segmentation"] = mask
    report, copy = fix(tmp_path, content)

    assert copy == content
    assert [f.ids for f in report.left if f.code == "M1"] == [(1,)]


def test_what_stays_follows_what_is_renumbered_and_merged_around_it(tmp_path: Path) -> None:
    content = coco([image(i) for i in range(1, 61)])
    content["categories"].append({"id": 9, "name": "cat"})
    content["annotations"][0].update(id=0, bbox="somewhere", category_id=9)
    report, copy = fix(tmp_path, content)

    assert set(told(report)) == {"N3", "R3"}
    assert copy["annotations"][0] == {**content["annotations"][0], "id": 1, "category_id": 1}


@pytest.mark.parametrize(
    ("section", "key", "wrong", "right", "code"),
    [
        ("annotations", "area", "x", 200, "B9"),
        ("annotations", "iscrowd", "no", 0, "B12"),
        ("annotations", "bbox", [1, 2, 3], [4, 5, 20, 10], "B8"),
        ("annotations", "ignore", "maybe", None, None),
        ("images", "coco_url", 5, None, None),
    ],
)
def test_a_value_that_cannot_be_read_costs_no_record(
    tmp_path: Path, section: str, key: str, wrong: object, right: object, code: str | None
) -> None:
    content = coco()
    changes = {key: wrong}
    if key == "bbox":
        changes["segmentation"] = [[4, 5, 24, 5, 24, 15]]
    content[section][0] = {**content[section][0], **changes}
    report, copy = fix(tmp_path, content)

    assert len(copy["annotations"]) == len(content["annotations"])
    assert copy[section][0].get(key) == right
    assert set(told(report)) == {"F5", *([code] if code else [])}
    assert report.left == ()


def test_a_width_that_cannot_be_read_is_taken_from_the_image(tmp_path: Path) -> None:
    path = make_coco(tmp_path)
    path.write_text(json.dumps(coco(images=[image(1, width="abc"), image(2, height="48")])))
    report = fix_data(InspectRequest(data=path, images=tmp_path), tmp_path / "out.json")
    copy = json.loads((tmp_path / "out.json").read_text())

    assert [(i["width"], i["height"]) for i in copy["images"]] == [(64, 48), (64, 48)]
    assert told(report) == {"F5": (1, 2), "F8": (1,)}


def test_a_width_that_is_the_text_nan_is_removed_where_no_image_tells_it(tmp_path: Path) -> None:
    content = spread()
    content["images"][0]["width"] = "NaN"
    report, copy = fix(tmp_path, content)

    assert "width" not in copy["images"][0]
    assert told(report)["F5"] == (1,)


def test_annotation_ids_that_are_text_become_numbers(tmp_path: Path) -> None:
    content = coco(annotations=[annotation("a", 1), *clean_annotations(range(2, 13))])
    report, copy = fix(tmp_path, content)

    assert told(report) == {"F7": ("a",)}
    assert [a["id"] for a in copy["annotations"]] == list(range(1, 24))


def test_a_reference_of_another_kind_is_told_once(tmp_path: Path) -> None:
    content = coco()
    content["annotations"][0] = annotation(1, "1", bbox=[4, 5, 20, 10])
    report, _ = fix(tmp_path, content)

    assert told(report) == {"F7": (1,)}


@pytest.mark.parametrize(
    "segmentation",
    [
        {"size": [0, 5], "counts": [1, 2, 3]},
        {"size": [2**40, 5], "counts": [1, 2, 3]},
        {"size": [48, 64], "counts": [-5, 9, 3]},
        {"size": [48, 64], "counts": "zz~~\x7f"},
        {"size": [64, 48], "counts": [100, 50, 64 * 48 - 150]},
        [[0, 0, 1e9, 0, 1e9, 1e9]],
    ],
)
def test_a_mask_that_tells_no_box_ends_neither_the_process_nor_in_a_box(
    tmp_path: Path, segmentation: object
) -> None:
    content = coco()
    content["annotations"].append(annotation(90, bbox=..., segmentation=segmentation))
    path = make_coco(tmp_path, write_images=False, **content)
    program = str(Path(sys.executable).parent / "inspect-data")
    # In its own process: pycocotools divides by the height in C.
    command = [program, str(path), "--no-images", "--fix", str(tmp_path / "out.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    log = json.loads((tmp_path / "out.changes.json").read_text())

    assert (done.returncode, done.stderr) == (0, "")
    assert log["changes"] == []
    assert [f["ids"] for f in log["left"] if f["code"] == "B8"] == [[90]]


@pytest.mark.parametrize("member", ['"x": 1e999', '"x": NaN, "y": "\\ud800"', '"x": 1' + "0" * 40])
@pytest.mark.parametrize("section", ["images", "annotations", "categories"])
def test_odd_values_of_unknown_members_never_stop_it(
    tmp_path: Path, member: str, section: str
) -> None:
    content = coco()
    del content["annotations"][0]["iscrowd"]
    text = json.dumps(content).replace(f'"{section}": [{{', f'"{section}": [{{{member}, ')
    (tmp_path / "data.json").write_text(text)
    request = InspectRequest(data=tmp_path / "data.json", check_images=False)
    try:
        inspect_data(request)
    except UserError:
        return
    fix_data(request, tmp_path / "out.json")

    assert len(COCO(tmp_path / "out.json").anns) == 24


@pytest.mark.parametrize("name", [".", "/", "sub"])
def test_a_folder_as_target_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = make_coco(tmp_path, write_images=False)
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="folder"):
        fix_data(InspectRequest(data=path), Path(name))

    assert sorted(p.name for p in tmp_path.iterdir()) == ["data.json", "sub"]


def test_a_dot_in_the_name_of_the_copy_does_not_shorten_its_log(tmp_path: Path) -> None:
    path = make_coco(tmp_path, write_images=False)
    report = fix_data(InspectRequest(data=path, check_images=False), tmp_path / "v1.2")

    assert Path(report.written.log).name == "v1.2.changes.json"


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_the_input_under_another_name_is_refused(tmp_path: Path, link: str) -> None:
    path = make_coco(tmp_path, write_images=False)
    before = path.read_bytes()
    getattr(tmp_path / "out.json", link)(path)
    with pytest.raises(UserError, match="is there already"):
        fix_data(InspectRequest(data=path, check_images=False), tmp_path / "out.json")

    assert path.read_bytes() == before


def test_without_its_log_no_copy_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_coco(tmp_path, write_images=False)
    write = use_case.write_atomically

    def full_disk(target: Path, data: Any) -> None:
        if target.name.endswith(".changes.json"):
            raise UserError("no space")
        write(target, data)

    monkeypatch.setattr(use_case, "write_atomically", full_disk)
    with pytest.raises(UserError, match="no space"):
        fix_data(InspectRequest(data=path, check_images=False), tmp_path / "out.json")

    assert [p.name for p in tmp_path.iterdir()] == ["data.json"]


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"bbox": None}, "B8"),
        ({"bbox": [1, 2, 3]}, "F5"),
        ({"bbox": [float("nan")] * 4}, "B7"),
        ({"image_id": 77}, "R5"),
        ({"image_id": [1, 2]}, "F5"),
    ],
)
def test_no_copy_is_written_that_lacks_more_than_a_few_annotations(
    tmp_path: Path, members: Content, code: str
) -> None:
    content = coco()
    content["annotations"] = [
        {**record, **(members if n % 4 == 0 else {})}
        for n, record in enumerate(content["annotations"])
    ]
    with pytest.raises(UserError, match=rf"of 6 of 24 \(25 %\) .*: {code} 6 ") as refused:
        fix(tmp_path, content)

    assert "nothing was written" in str(refused.value)
    assert [p.name for p in tmp_path.iterdir()] == ["data.json"]


def test_a_few_unusable_annotations_are_removed_and_told(tmp_path: Path) -> None:
    content = coco([image(i) for i in range(1, 41)])
    for record in content["annotations"][:4]:
        record["bbox"] = [float("nan")] * 4
    report, copy = fix(tmp_path, content)

    assert told(report)["B7"] == (1, 2, 3, 4)
    assert len(copy["annotations"]) == 76


@pytest.mark.parametrize("box", [[24, 15, -20, -10], [24, 5, -20, 10], [4, 15, 20, -10]])
def test_a_box_drawn_from_another_corner_is_turned_round(tmp_path: Path, box: list[int]) -> None:
    content = coco()
    content["annotations"][0].update(bbox=box, area=200)
    report, copy = fix(tmp_path, content)

    assert told(report)["B1"] == (1,)
    assert copy["annotations"][0]["bbox"] == [4, 5, 20, 10]


def test_a_negative_size_that_leads_out_of_the_image_tells_no_box(tmp_path: Path) -> None:
    content = coco()
    content["annotations"][0]["bbox"] = [10, 5, -20, 10]

    assert len(fix(tmp_path, content)[1]["annotations"]) == 23


@pytest.mark.filterwarnings("error")
def test_infinite_boxes_are_removed_without_a_word_of_numpy(tmp_path: Path) -> None:
    content = coco()
    content["annotations"][0]["bbox"] = [float("inf")] * 2 + [-float("inf")] * 2

    assert told(fix(tmp_path, content)[0])["B7"] == (1,)


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["images", "annotations", "categories"]),
        st.integers(0, 30),
        st.sampled_from(
            "id file_name width height name supercategory image_id category_id bbox area iscrowd "
            "ignore segmentation".split()
        ),
        st.sampled_from(
            [
                *(None, 0, -1, 1, 2, 1.0, 3.5, "1", "cat", " cat ", "\u200b", {"a": 1}),
                *([], [1, 2, 3], [4, 5, 20, 10], [4, 5, 90, 90], [-9, -9, 5, 5]),
                *([0, 0, 0.5, 9], [0.1, 0.1, 0.5, 0.5], OUTLINE, OUTLINE[0], [[1, 2]]),
                {"size": [48, 64], "counts": [100, 50, 2922]},
            ]
        ),
    ),
    max_size=8,
)
UNDECIDABLE = {
    "F5",
    "F8",
    "R1",
    "R4",
    "R5",
    "R6",
    "M1",
    "B8",
    "R9",
    "B3",
    "B4",
    "B6",
    "B14",
    "N8",
    "I9",
}
"""Repaired in the cases that can be decided only."""


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example([("images", 0, "width", 1)], ["annotations"])
@example([("categories", 0, "name", "\u200b")], ["categories"])
@given(CHANGES, st.lists(st.sampled_from(["images", "annotations", "categories"]), max_size=3))
def test_any_mix_of_mistakes_is_repaired_in_one_run(
    tmp_path_factory: pytest.TempPathFactory,
    mistakes: list[tuple[str, int, str, Any]],
    repeated: list[str],
) -> None:
    content = coco()
    for section, index, key, value in mistakes:
        records = content[section]
        records[index % len(records)] = {**records[index % len(records)], key: value}
    for section in repeated:
        content[section].append(dict(content[section][0]))
    folder = tmp_path_factory.mktemp("fix")
    try:
        report, _ = fix(folder, content)
    except UserError as refused:
        assert re.search(r"of \d+ of \d+ .* nothing could be made", str(refused))  # noqa: PT017
        assert not (folder / "out.json").exists()
        return
    left = {finding.code for finding in report.left}

    assert left & set(WHAT_IS_DONE) <= UNDECIDABLE
