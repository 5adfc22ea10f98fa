from __future__ import annotations

from pathlib import Path

import pytest

from coco_factory import annotation, category, image, make_coco
from inspected_data import inspect_data
from train_teacher.core.errors import UsageError, UserError
from train_teacher.inspection.load import InspectRequest

NAME = "_annotations.coco.json"


def codes(info: object) -> list[str]:
    return [finding.code for finding in info.findings]  # type: ignore[attr-defined]  # DatasetInfo


def test_a_clean_set_is_described_without_findings(tmp_path: Path) -> None:
    file = make_coco(tmp_path, image_folder="images")

    info = inspect_data(InspectRequest(data=file))

    assert codes(info) == []
    assert (info.num_images, info.num_annotations, info.num_classes) == (12, 24, 2)
    assert info.class_names == ("cat", "red car")
    assert info.prompt.text == "cat. red car. "
    assert (info.trained.images, info.trained.boxes, info.trained.dropped) == (12, 24, {})
    assert info.image_dir == str(tmp_path / "images")
    assert info.data_root == str(tmp_path)
    assert (info.has_boxes, info.has_masks) == (True, False)
    assert [(s.name, s.num_boxes, s.boxes_per_class) for s in info.splits] == [
        ("train", 24, (12, 12))
    ]
    assert (info.sizes.width_median, info.sizes.height_max) == (64, 48)
    assert (info.sizes.boxes_per_image_median, info.sizes.boxes_per_image_max) == (2.0, 2)


def test_given_files_are_counted_by_class_name_whatever_their_ids(tmp_path: Path) -> None:
    train = make_coco(tmp_path / "a")
    other_order = [category(9, "red car"), category(4, "cat")]
    val = make_coco(
        tmp_path / "b",
        categories=other_order,
        annotations=[
            annotation(1, category_id=9),
            annotation(2, category_id=9, bbox=[30, 9, 9, 9], area=81),
        ],
    )

    info = inspect_data(InspectRequest(data=train, val=val))

    assert [s.boxes_per_class for s in info.splits] == [(12, 12), (0, 2)]
    assert {(f.code, f.severity, f.split) for f in info.findings} == {
        ("N13", "warning", "val"),
        ("D5", "warning", "val"),
    }


def test_a_class_that_val_writes_with_another_space_is_counted(tmp_path: Path) -> None:
    train = make_coco(tmp_path / "a")
    val = make_coco(tmp_path / "b", categories=[category(1, " cat"), category(2, "red car")])

    info = inspect_data(InspectRequest(data=train, val=val))

    assert info.splits[1].boxes_per_class == (12, 12)
    assert [(f.code, f.severity, f.ids) for f in info.findings] == [("N13", "warning", (1,))]


def test_a_class_that_only_val_has_boxes_of_is_d5(tmp_path: Path) -> None:
    train = make_coco(tmp_path / "a", annotations=[annotation(1)])
    val = make_coco(tmp_path / "b")

    info = inspect_data(InspectRequest(data=train, val=val))

    assert any(f.code == "D5" and "train has no box of" in f.message for f in info.findings)


def test_the_roboflow_folder_is_read_with_all_its_splits(tmp_path: Path) -> None:
    for folder in ("train", "valid", "test"):
        make_coco(tmp_path / folder, name=NAME, info={"description": "Exported from roboflow.com"})

    info = inspect_data(InspectRequest(data=tmp_path))

    assert [s.name for s in info.splits] == ["train", "val", "test"]
    assert [s.image_dir for s in info.splits] == [
        str(tmp_path / folder) for folder in ("train", "valid", "test")
    ]
    assert info.exporter == "Roboflow"
    assert info.num_images == 36
    assert info.trained.images == 12


def test_class_prompts_replace_names_and_cure_n1(tmp_path: Path) -> None:
    file = make_coco(tmp_path, categories=[category(1, "(misc)"), category(2, "H1")])
    assert codes(inspect_data(InspectRequest(data=file))) == ["N1", "N6"]

    info = inspect_data(
        InspectRequest(data=file, class_prompts={"(misc)": "odd part", "H1": "hard hat"})
    )

    assert codes(info) == []
    assert info.class_names == ("odd part", "hard hat")


def test_a_prompt_for_an_unknown_class_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        inspect_data(InspectRequest(data=make_coco(tmp_path), class_prompts={"dog": "a"}))


def test_findings_come_worst_first(tmp_path: Path) -> None:
    file = make_coco(
        tmp_path,
        annotations=[annotation(0), annotation(1, category_id=77)],
        write_images=False,
    )

    severities = [f.severity for f in inspect_data(InspectRequest(data=file)).findings]

    assert severities == sorted(severities, key=["error", "warning", "info"].index)
    assert {"error", "warning", "info"} == set(severities)


def test_without_looking_at_images_none_is_called_missing(tmp_path: Path) -> None:
    file = make_coco(tmp_path, write_images=False)

    assert codes(inspect_data(InspectRequest(data=file))) == ["I1"]
    assert codes(inspect_data(InspectRequest(data=file, check_images=False))) == []


def test_sizes_missing_in_the_json_come_from_the_images(tmp_path: Path) -> None:
    records = [{k: v for k, v in image(1).items() if k not in ("width", "height")}]
    file = make_coco(tmp_path, images=records, annotations=[annotation(1), annotation(2)])

    info = inspect_data(InspectRequest(data=file))

    assert [(f.code, f.severity) for f in info.findings if f.code == "F8"] == [("F8", "warning")]
    assert info.trained.boxes == 2
    assert info.sizes.width_median == 64


@pytest.mark.parametrize("section", ["images", "annotations", "categories"])
def test_an_empty_list_is_described_and_not_a_crash(tmp_path: Path, section: str) -> None:
    file = make_coco(tmp_path, **{section: []})  # type: ignore[arg-type]  # one of three lists

    assert "D6" in codes(inspect_data(InspectRequest(data=file)))


def test_a_file_that_is_no_data_set_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[]")

    with pytest.raises(UserError, match=r"a\.json: F4 the file holds a list"):
        inspect_data(InspectRequest(data=tmp_path / "a.json"))


def test_a_keypoints_file_is_named_for_what_it_is(tmp_path: Path) -> None:
    plain = make_coco(tmp_path / "a", annotations=[annotation(1)])
    points = make_coco(tmp_path / "b", annotations=[annotation(1, keypoints=[5, 5, 2])])

    told = [inspect_data(InspectRequest(data=file)).provenance or "" for file in (plain, points)]

    assert ["keypoints" in text for text in told] == [False, True]


def test_what_is_left_out_is_counted_by_reason_and_class(tmp_path: Path) -> None:
    boxes = [
        annotation(1),
        annotation(2, iscrowd=1),
        annotation(3, category_id=2, iscrowd=1),
        annotation(4, category_id=2, bbox=[900, 900, 5, 5]),
        annotation(5, image_id=99),
        annotation(6, 2, bbox=[1, 1, 9, 9], area=81),
    ]

    info = inspect_data(InspectRequest(data=make_coco(tmp_path, annotations=boxes)))

    assert info.trained.dropped == {"unknown_image": 1, "outside_image": 1, "crowd": 2}
    assert info.trained.dropped_by_class == {
        "unknown_image": {"cat": 1},
        "outside_image": {"red car": 1},
        "crowd": {"cat": 1, "red car": 1},
    }
    assert info.splits[0].images_per_class == (2, 0)
