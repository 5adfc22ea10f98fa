from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coco_factory import annotation, category, coco, image, make_coco
from train_teacher.coco.dataset import CocoDataset
from train_teacher.coco.masks.columns import MASK_NONE, MASK_POLYGON, MASK_RLE
from train_teacher.coco.reader import read_coco
from train_teacher.core.errors import UserError


def read(tmp_path: Path, content: object) -> CocoDataset:
    path = tmp_path / "data.json"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(json.dumps(content), encoding="utf-8")
    return read_coco(path)


def refusal(tmp_path: Path, content: object) -> str:
    with pytest.raises(UserError) as error:
        read(tmp_path, content)
    message = str(error.value)
    assert message.startswith(f"{tmp_path / 'data.json'}: ")
    return message


def test_a_valid_file_gives_all_records_and_no_problem(tmp_path: Path) -> None:
    dataset = read_coco(make_coco(tmp_path, write_images=False))

    assert [i.id for i in dataset.images] == list(range(1, 13))
    assert [c.name for c in dataset.categories] == ["cat", "red car"]
    assert dataset.problems == ()
    assert dataset.annotations.image_row.tolist() == sorted([*range(12)] * 2)
    assert dataset.annotations.category_row.tolist() == [0, 1] * 12
    assert dataset.annotations.bbox[1].tolist() == [13, 5, 20, 11]


def test_every_bad_record_is_found_in_one_run_with_its_json_path(tmp_path: Path) -> None:
    annotations = [
        annotation(1, bbox=["1", 2, 3, 4]),
        annotation(2, bbox=[1, 2, 3]),
        annotation(3, area="big"),
        annotation(4),
    ]
    dataset = read(tmp_path, coco(annotations=annotations, images=[image(1), {"id": 2}]))

    told = {p.path: (p.message, p.value, p.outcome) for p in dataset.problems}
    assert told == {
        "annotations[0].bbox[0]": ("should be a number", '"1"', "converted"),
        "annotations[1].bbox": ("should be a list of 4 numbers", "[1,2,3]", "ignored"),
        "annotations[2].area": ("should be a number", '"big"', "ignored"),
        "images[1].file_name": ("missing: the image cannot be found", "", "lost"),
    }
    assert dataset.annotations.index.tolist() == [0, 1, 2, 3]
    assert dataset.annotations.bbox[0].tolist() == [1, 2, 3, 4]
    assert dataset.annotations.has_bbox.tolist() == [True, False, True, True]
    assert np.isnan(dataset.annotations.area).tolist() == [False, False, True, False]


@pytest.mark.parametrize("key", ["image_id", "category_id"])
def test_a_record_without_a_usable_reference_is_lost_with_all_its_mistakes(
    tmp_path: Path, key: str
) -> None:
    dataset = read(tmp_path, coco(annotations=[annotation(1, area="x", **{key: [1, 2]})]))

    assert len(dataset.annotations) == 0
    told = {p.path: p.outcome for p in dataset.problems}
    assert told == {f"annotations[0].{key}": "lost", "annotations[0].area": "lost"}


@pytest.mark.parametrize("form", [lambda i: [i], lambda i: {"id": i}, lambda i: f"{i}.0"])
def test_an_id_inside_a_list_an_object_or_a_fraction_is_understood(
    tmp_path: Path, form: Callable[[int], Any]
) -> None:
    record = annotation(1, image_id=form(1), category_id=form(2))
    dataset = read(tmp_path, coco(annotations=[record]))

    assert dataset.annotations.image_row.tolist() == [0]
    assert dataset.annotations.category_row.tolist() == [1]
    assert {problem.outcome for problem in dataset.problems} == {"converted"}


def test_an_image_with_an_unusable_side_or_address_keeps_its_boxes(tmp_path: Path) -> None:
    images = [image(1, width="abc"), image(2, coco_url=5), image(3, "", coco_url=5), image(4, [])]
    dataset = read(tmp_path, coco(images=images, annotations=[annotation(1)]))

    assert [(i.id, i.width, i.height) for i in dataset.images] == [(1, None, 48), (2, 64, 48)]
    assert dataset.annotations.image_row.tolist() == [0]
    assert {(p.path, p.outcome) for p in dataset.problems} == {
        ("images[0].width", "ignored"),
        ("images[1].coco_url", "ignored"),
        ("images[2].coco_url", "ignored"),
        ("images[2].file_name", "lost"),
        ("images[3].file_name", "lost"),
    }


def test_a_number_that_is_too_large_is_told_and_its_record_kept(tmp_path: Path) -> None:
    text = json.dumps(coco(annotations=[annotation(1, bbox=[1, 2, 7e77, 4])]))
    dataset = read(tmp_path, text.replace("7e+77", "1e999").encode())

    assert [p.path for p in dataset.problems] == ["annotations[0].bbox[2]"]
    assert np.isinf(dataset.annotations.bbox[0, 2])


def test_an_id_written_as_text_is_matched_and_reported(tmp_path: Path) -> None:
    dataset = read(tmp_path, coco(annotations=[annotation(1, image_id="2")]))

    assert dataset.annotations.image_row.tolist() == [1]
    assert dataset.problems[0].path == "annotations[0].image_id"
    assert dataset.problems[0].repairable


def test_a_category_name_that_is_a_number_is_kept_as_text(tmp_path: Path) -> None:
    dataset = read(tmp_path, coco(categories=[category(1, 7), category(2, "b")]))

    assert dataset.categories[0].name == "7"
    assert dataset.problems[0].path == "categories[0].name"


def test_absent_members_are_told_from_zeros(tmp_path: Path) -> None:
    dataset = read(
        tmp_path,
        coco(
            images=[image(1, width=None, height=0)],
            annotations=[annotation(1, bbox=..., area=..., iscrowd=...), annotation(2, bbox=[])],
        ),
    )

    columns = dataset.annotations
    assert (dataset.images[0].width, dataset.images[0].height) == (None, None)
    assert columns.has_bbox.tolist() == [False, False]
    assert np.isnan(columns.area).tolist() == [True, False]
    assert columns.iscrowd.tolist() == [-1, 0]


def test_the_kind_of_mask_is_seen(tmp_path: Path) -> None:
    masks = [[], [[1, 2, 3, 4, 5, 6]], {"size": [4, 4], "counts": [16]}, None, [[]]]
    dataset = read(
        tmp_path,
        coco(annotations=[annotation(i + 1, segmentation=m) for i, m in enumerate(masks)]),
    )

    expected = [MASK_NONE, MASK_POLYGON, MASK_RLE, MASK_NONE, MASK_NONE]
    assert dataset.annotations.masks.kind.tolist() == expected


def test_nan_tokens_are_read_as_numbers(tmp_path: Path) -> None:
    masks = [annotation(1, bbox=[1, 2, float("nan"), 4], segmentation=[[1, 2, 3, 4, 5, 6]])]
    dataset = read(tmp_path, coco(annotations=[*masks, annotation(2, bbox=["1", 2, 3, 4])]))

    assert np.isnan(dataset.annotations.bbox[0, 2])
    assert dataset.annotations.masks.kind.tolist() == [MASK_POLYGON, MASK_NONE]
    assert "NaN" in (dataset.encoding_note or "")
    assert dataset.problems[0].path == "annotations[1].bbox[0]"


UNFIT = [
    {"id": 900, "image_id": 1, "caption": "x"},
    {"segments_info": []},
    {"id": 900, "image_id": 1, "category_id": 1, "keypoints": [1, 2, 2]},
]


@pytest.mark.parametrize("unfit", UNFIT)
def test_one_annotation_of_another_kind_does_not_refuse_the_boxes_after_it(
    tmp_path: Path, unfit: dict[str, object]
) -> None:
    dataset = read(tmp_path, coco(annotations=[unfit, annotation(1), annotation(2)]))

    assert dataset.annotations.has_bbox.tolist() == [False, True, True]


@pytest.mark.parametrize("unfit", UNFIT)
def test_a_file_without_any_box_is_named_whatever_comes_first(
    tmp_path: Path, unfit: dict[str, object]
) -> None:
    assert "F3 This is" in refusal(tmp_path, coco(annotations=[{}, unfit, unfit]))


def test_a_box_that_cannot_be_read_is_still_a_box(tmp_path: Path) -> None:
    bad = annotation(1, bbox="x", caption="a cat")

    assert read(tmp_path, coco(annotations=[UNFIT[0], bad])).problems[0].member == "bbox"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ([{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}], "COCO results"),
        (coco(annotations=[{"id": 1, "image_id": 1, "caption": "a cat"}]), "captions"),
        (coco(annotations=[{"image_id": 1, "segments_info": []}]), "panoptic"),
        ({"version": "5", "shapes": [], "imagePath": "a.jpg"}, "LabelMe"),
        ([{"id": 1, "data": {"image": "a"}, "annotations": []}], "Label Studio"),
        ({"a.jpg9": {"filename": "a.jpg", "regions": []}}, "VIA"),
        (b"<?xml version='1.0'?><annotations/>", "XML"),
        (b"<!DOCTYPE html><html>login</html>", "web page"),
        (b"0 0.5 0.5 0.1 0.2\n1 0.1 0.2 0.3 0.4\n", "YOLO"),
        (b"names:\n  0: cat\nnc: 1\n", "YAML"),
        (coco(annotations=[{"id": 1, "image_id": 1, "keypoints": [1, 2, 2]}]), "keypoints"),
        (b"PK\x03\x04" + bytes(40), "ZIP archive"),
        (b"\xff\xd8\xff\xe0" + bytes(40), "JPEG"),
    ],
)
def test_other_formats_are_called_by_their_name(tmp_path: Path, content: object, name: str) -> None:
    message = refusal(tmp_path, content)

    assert "F3 This is" in message
    assert name in message


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
_RECORDS = st.lists(
    _JSON
    | st.fixed_dictionaries(
        {},
        optional={
            key: _JSON | st.integers(0, 3) | st.lists(_SCALARS, min_size=4, max_size=4)
            for key in (
                *("id", "image_id", "category_id", "bbox", "area", "iscrowd", "ignore"),
                *("segmentation", "file_name", "width", "height", "name", "supercategory"),
            )
        },
    ),
    max_size=4,
)
_FILES = _JSON | st.fixed_dictionaries(
    {"images": _RECORDS, "annotations": _RECORDS, "categories": _RECORDS}
)
_quick = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@_quick
@given(content=_FILES)
def test_any_json_is_either_read_or_refused_with_a_message(tmp_path: Path, content: object) -> None:
    try:
        dataset = read(tmp_path, content)
    except UserError:
        return
    unread = {p.index for p in dataset.problems if p.section == "annotations" and not p.repairable}
    assert len(dataset.annotations) + len(unread) == len(dataset.raw_annotations)


@_quick
@given(cut=st.integers(0, 2000), junk=st.binary(max_size=6))
def test_damaged_bytes_are_either_read_or_refused_with_a_message(
    tmp_path: Path, cut: int, junk: bytes
) -> None:
    whole = json.dumps(coco()).encode()
    try:
        read(tmp_path, whole[:cut] + junk + whole[cut + len(junk) :])
    except UserError as error:
        assert ": F" in str(error)  # noqa: PT017 - not raising is right too


def test_zeros_before_a_number_are_no_other_id(tmp_path: Path) -> None:
    padded = [annotation(n, f"{n:012}") for n in range(1, 4)]
    dataset = read(tmp_path, coco(annotations=padded))

    assert dataset.annotations.image_row.tolist() == [0, 1, 2]
    assert {p.outcome for p in dataset.problems} == {"converted"}


def test_four_corners_become_the_upright_box_around_them(tmp_path: Path) -> None:
    dataset = read(tmp_path, coco(annotations=[annotation(1, bbox=[9, 2, 30, 5, 25, 40, 4, 37])]))

    assert dataset.annotations.bbox.tolist() == [[4, 2, 26, 38]]
    assert [(p.outcome, "four corners" in p.message) for p in dataset.problems] == [
        ("converted", True)
    ]


@pytest.mark.parametrize("other", ["filename", "path", "image"])
def test_an_image_without_file_name_says_what_its_record_has_instead(
    tmp_path: Path, other: str
) -> None:
    content = coco()
    for record in content["images"]:
        record[other] = record.pop("file_name")
    dataset = read(tmp_path, content)
    assert {p.message for p in dataset.problems if p.section == "images"} == {
        f"missing, the record has `{other}`: call it file_name"
    }


def test_an_address_that_is_none_gives_no_file_name(tmp_path: Path) -> None:
    content = coco()
    for record in content["images"]:
        record |= {"file_name": "", "coco_url": "n/a"}
    dataset = read(tmp_path, content)
    assert dataset.names_from_addresses == 0
    assert not dataset.images
