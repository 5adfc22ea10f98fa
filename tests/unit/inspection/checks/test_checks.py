"""One test per finding code that can be seen in the annotation file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coco_factory import Record, annotation, category, coco, image
from train_teacher.coco.categories import real_categories
from train_teacher.coco.dataset import CocoDataset
from train_teacher.coco.reader import read_coco
from train_teacher.inspection.checks.area_and_crowd_checks import check_attributes
from train_teacher.inspection.checks.box_checks import check_boxes
from train_teacher.inspection.checks.category_checks import check_categories
from train_teacher.inspection.checks.class_list_checks import check_names_between
from train_teacher.inspection.checks.class_name_checks import (
    check_class_tokens,
    check_names,
    check_token_budget,
)
from train_teacher.inspection.checks.data_set_checks import check_something_to_train
from train_teacher.inspection.checks.file_checks import check_file
from train_teacher.inspection.checks.image_checks import check_missing_images
from train_teacher.inspection.checks.reference_checks import check_references
from train_teacher.inspection.facts import Finding, PromptInfo

NAN = float("nan")


@pytest.fixture
def dataset_of(tmp_path: Path) -> Any:
    def build(**sections: Any) -> CocoDataset:
        path = tmp_path / "data.json"
        path.write_text(json.dumps(coco(**sections)), encoding="utf-8")
        return read_coco(path)

    return build


def only(findings: Sequence[Finding], code: str) -> Finding:
    matching = [f for f in findings if f.code == code]
    assert len(matching) == 1, [f.code for f in findings]
    assert len(matching[0].examples) <= 3
    return matching[0]


def boxes(*xywh: Sequence[float]) -> list[Record]:
    return [annotation(i + 1, bbox=list(b), area=b[2] * b[3]) for i, b in enumerate(xywh)]


def all_findings(dataset: CocoDataset) -> list[Finding]:
    return [
        *check_file(dataset, {}),
        *check_references(dataset),
        *check_categories(dataset),
        *check_boxes(dataset),
        *check_attributes(dataset),
        *check_names(dataset.categories, [c.name for c in dataset.categories]),
    ]


def test_a_clean_file_gives_no_finding(dataset_of: Any) -> None:
    assert all_findings(dataset_of()) == []


def test_repaired_text_is_reported_as_f2(dataset_of: Any) -> None:
    dataset = dataset_of(annotations=[annotation(1, area=NAN)])

    assert only(check_file(dataset, {}), "F2").severity == "info"


def test_numbers_written_as_text_are_one_f5_warning(dataset_of: Any) -> None:
    bad = [annotation(i, bbox=["1", 2, 3, 4]) for i in range(1, 6)]

    finding = only(check_file(dataset_of(annotations=bad), {}), "F5")

    assert (finding.severity, finding.count) == ("warning", 5)
    assert finding.message == (
        'annotations[0].bbox[0]: "1" should be a number (5 records like this)'
    )
    assert [e.path for e in finding.examples] == [f"annotations[{i}].bbox[0]" for i in range(3)]


@pytest.mark.parametrize(("good", "severity"), [(30, "warning"), (3, "error")])
def test_unreadable_records_are_an_f5_error_from_five_percent_on(
    dataset_of: Any, good: int, severity: str
) -> None:
    records = [annotation(i + 2) for i in range(good)] + [annotation(1, image_id=[1])]

    finding = only(check_file(dataset_of(annotations=records), {}), "F5")

    assert (finding.severity, finding.count) == (severity, 1)


def test_an_image_without_size_is_f8_warning_when_the_file_tells(dataset_of: Any) -> None:
    dataset = dataset_of(images=[image(1), image(2, width=None), image(3, height=0)])

    findings = check_file(dataset, {1: (64, 48)})

    assert [(f.code, f.severity, f.examples[0].file) for f in findings] == [
        ("F8", "warning", "2.jpg"),
        ("F8", "error", "3.jpg"),
    ]


def test_a_repeated_image_id_is_r1(dataset_of: Any) -> None:
    dataset = dataset_of(images=[image(5, "a.jpg"), image(5, "b.jpg"), image(1)])

    finding = only(check_references(dataset), "R1")

    assert finding.severity == "error"
    assert finding.message == 'image id 5 is used by 2 images: "a.jpg", "b.jpg"'


def test_a_repeated_annotation_id_is_r2_and_repaired(dataset_of: Any) -> None:
    dataset = dataset_of(annotations=[annotation(1), annotation(2), annotation(2)])

    finding = only(check_references(dataset), "R2")

    assert (finding.severity, finding.count) == ("warning", 2)
    assert "repairs it in its own copies" in finding.fix


def test_id_zero_is_reported_as_r3(dataset_of: Any) -> None:
    dataset = dataset_of(annotations=[annotation(0), annotation(1, category_id=2)])

    finding = only(check_references(dataset), "R3")

    assert finding.severity == "warning"
    assert finding.examples[0].path == "annotations[0].id"


def test_a_repeated_category_id_is_r4(dataset_of: Any) -> None:
    dataset = dataset_of(categories=[category(1, "cat"), category(1, "dog")])

    finding = only(check_references(dataset), "R4")

    assert finding.severity == "error"
    assert '"cat", "dog"' in finding.message


def test_an_annotation_of_an_unlisted_image_is_r5(dataset_of: Any) -> None:
    dataset = dataset_of(annotations=[annotation(1), annotation(2, image_id=99)])

    finding = only(check_references(dataset), "R5")

    assert (finding.severity, finding.count) == ("warning", 1)
    assert finding.examples[0].value == "99"


def test_an_annotation_of_an_undefined_category_is_r6(dataset_of: Any) -> None:
    dataset = dataset_of(annotations=[annotation(1), annotation(2, category_id=0)])

    finding = only(check_references(dataset), "R6")

    assert finding.severity == "error"
    assert "add 1 to every category_id" in finding.fix


@pytest.mark.parametrize(("first", "told"), [(0, "add 1 to every"), (2, "take 1 from every")])
def test_category_ids_off_by_one_are_told_as_such(dataset_of: Any, first: int, told: str) -> None:
    dataset = dataset_of(annotations=[annotation(n, n % 12 + 1, n % 2 + first) for n in range(24)])

    assert told in only(check_references(dataset), "R6").fix


def test_a_missing_reference_is_told_as_null(dataset_of: Any) -> None:
    dataset = dataset_of(annotations=[annotation(1), annotation(2, None, None)])
    findings = [only(check_references(dataset), code) for code in ("R5", "R6")]

    assert all("id null" in f.message and f.examples[0].value == "null" for f in findings)


def test_the_id_that_an_image_was_meant_to_have_is_named(dataset_of: Any) -> None:
    images = [image(1, "a.jpg"), image(1, "b.jpg"), image(3, "c.jpg")]
    findings = check_references(dataset_of(images=images, annotations=[annotation(1, 2)]))

    assert '"b.jpg" stands where id 2 is missing' in only(findings, "R1").fix
    assert "R1" in only(findings, "R5").fix


def test_annotation_ids_that_are_text_are_f7(dataset_of: Any) -> None:
    dataset = dataset_of(annotations=[annotation(str(n)) for n in range(3)])
    finding = only(check_references(dataset), "F7")

    assert (finding.severity, finding.count) == ("warning", 3)


def test_files_of_the_same_name_in_two_folders_are_r10(dataset_of: Any) -> None:
    names = ["a/x.jpg", "b/x.jpg", "a/y.jpg", "b\\y.jpg", "a/z.jpg", "z.JPG"]
    finding = only(
        check_references(dataset_of(images=[image(n, name) for n, name in enumerate(names)])), "R10"
    )

    assert (finding.severity, finding.count) == ("info", 4)
    assert "different folder" in finding.message


def test_a_class_without_boxes_is_r7(dataset_of: Any) -> None:
    finding = only(check_references(dataset_of(annotations=[annotation(1)])), "R7")

    assert (finding.severity, finding.message) == ("info", '1 class without a box: "red car"')


def names_checked(*names: str) -> list[Finding]:
    categories = [
        read_category
        for i, name in enumerate(names)
        for read_category in [_category_record(i, name)]
    ]
    return check_names(categories, names)


def _category_record(index: int, name: str) -> Any:
    from train_teacher.coco.dataset import CategoryRecord

    return CategoryRecord(index=index, id=index + 1, name=name, supercategory=None)


@pytest.mark.parametrize("name", ["", "  ", "(misc)", "_"])
def test_a_name_without_words_is_n1(name: str) -> None:
    finding = only(names_checked("cat", name), "N1")

    assert finding.severity == "error"
    assert finding.examples[0].path == "categories[1].name"


def test_names_that_read_as_the_same_words_are_n2() -> None:
    finding = only(names_checked("Hard_Hat", "cat", "hard hat (white)"), "N2")

    assert (finding.severity, finding.count) == ("error", 2)
    assert 'the same words "hard hat"' in finding.message


def test_the_same_name_twice_is_n3_and_not_also_n2() -> None:
    findings = names_checked("cat", "dog", "cat")

    assert [f.code for f in findings] == ["N3"]
    assert findings[0].severity == "error"


@pytest.mark.parametrize("exact", [True, False])
def test_more_tokens_than_a_prompt_has_are_n10_and_no_reason_to_stop(exact: bool) -> None:
    prompt = PromptInfo(text="", tokens=257, limit=256, exact=exact)

    assert only(check_token_budget(prompt), "N10").severity == "warning"
    assert check_token_budget(PromptInfo(text="", tokens=256, limit=256, exact=exact)) == []


def tokens_checked(dataset_of: Any, exact: bool = True, **tokens: int) -> list[Finding]:
    classes = [category(i, name) for i, name in enumerate(tokens, 1)]
    prompt = PromptInfo("", 300, 256, exact, tuple(tokens.values()))
    return check_class_tokens(dataset_of(categories=classes).categories, list(tokens), prompt)


def test_a_class_too_long_for_any_prompt_is_an_error_that_names_it(dataset_of: Any) -> None:
    finding = only(tokens_checked(dataset_of, cat=253, saga=254), "N10")
    assert (finding.severity, finding.ids) == ("error", (2,))
    assert '"saga" (254 tokens, limit 253)' in finding.message
    assert tokens_checked(dataset_of, exact=False, saga=254) == []


def test_a_class_without_a_token_is_n1(dataset_of: Any) -> None:
    finding = only(tokens_checked(dataset_of, cat=1, ghost=0), "N1")
    assert (finding.severity, finding.ids) == ("error", (2,))


ROBOFLOW = [
    category(0, "sharks", supercategory="none"),
    category(1, "cat", supercategory="sharks"),
    category(2, "dog", supercategory="sharks"),
]


def test_the_roboflow_root_is_n12_and_no_class(dataset_of: Any) -> None:
    dataset = dataset_of(categories=ROBOFLOW)

    assert only(check_categories(dataset), "N12").severity == "info"
    assert [c.name for c in real_categories(dataset)] == ["cat", "dog"]


def test_a_root_that_is_used_stays_a_class(dataset_of: Any) -> None:
    dataset = dataset_of(categories=ROBOFLOW, annotations=[annotation(1, category_id=0)])

    assert check_categories(dataset) == []
    assert len(real_categories(dataset)) == 3


def test_placeholder_supercategories_drop_nothing(dataset_of: Any) -> None:
    plain = [category(1, "cat", supercategory="none"), category(2, "none", supercategory="none")]

    dataset = dataset_of(categories=plain, annotations=[annotation(1)])

    # A class that is really called "none" is still named as a parent: unused, it goes.
    assert [c.name for c in real_categories(dataset)] == ["cat"]
    assert len(real_categories(dataset_of(categories=plain[:1]))) == 1


@pytest.mark.parametrize("name", ["background", "None", "objects"])
def test_a_word_for_no_object_is_an_n12_warning_and_no_class_unless_it_is_labelled(
    dataset_of: Any, name: str
) -> None:
    names = [category(1, "cat"), category(2, "red car"), category(3, name)]
    labelled = [annotation(1), annotation(2, 1, 2), annotation(3, 1, 3)]

    dataset = dataset_of(categories=names)
    finding = only(all_findings(dataset), "N12")

    assert (finding.severity, finding.ids) == ("warning", (3,))
    assert [c.name for c in real_categories(dataset)] == ["cat", "red car"]
    assert check_categories(dataset_of(categories=names, annotations=labelled)) == []


def test_an_unused_background_entry_of_labelme_is_n12(dataset_of: Any) -> None:
    dataset = dataset_of(categories=[category(0, "_background_"), category(1, "cat")])

    assert [c.name for c in real_categories(dataset)] == ["cat"]


@pytest.mark.parametrize(
    ("categories", "severity", "text"),
    [
        ([category(1, "red car"), category(2, "cat")], "warning", "another order"),
        ([category(1, "cat")], "warning", 'lacks "red car"'),
        ([category(1, "cat"), category(2, "car")], "error", 'that train lacks: "car"'),
        ([category(1, "cat"), category(2, "red car"), category(3, "bus")], "warning", '"bus"'),
        ([category(1, " cat"), category(2, "red  car")], "warning", "other spaces"),
    ],
)
def test_category_lists_that_differ_are_n13(
    dataset_of: Any, categories: list[Record], severity: str, text: str
) -> None:
    train, val = dataset_of(), dataset_of(categories=categories)

    finding = only(check_names_between(train, val, "val"), "N13")

    assert (finding.severity, finding.split) == (severity, "val")
    assert text in finding.message


def test_a_class_that_val_has_twice_is_n3_and_no_other_order(dataset_of: Any) -> None:
    twice = [category(1, "cat"), category(2, "red car"), category(3, "cat")]

    finding = only(check_names_between(dataset_of(), dataset_of(categories=twice), "val"), "N3")

    assert (finding.severity, finding.ids) == ("warning", (1, 3))


def test_every_class_out_of_place_or_missing_is_named_by_its_id(dataset_of: Any) -> None:
    names = [category(n, name) for n, name in enumerate(("cat", "red car", "bus", "tree"), 1)]
    train = dataset_of(categories=names)
    swapped = dataset_of(categories=[names[0], names[2], names[1], names[3]])
    fewer = dataset_of(categories=names[:3])

    assert only(check_names_between(train, swapped, "val"), "N13").ids == (3, 2)
    assert only(check_names_between(train, fewer, "val"), "N13").ids == (4,)


def test_equal_category_lists_with_other_ids_are_fine(dataset_of: Any) -> None:
    other = dataset_of(categories=[category(7, "cat"), category(9, "red car")], annotations=[])

    assert check_names_between(dataset_of(), other, "val") == []


@pytest.mark.parametrize(("good", "severity"), [(30, "warning"), (4, "error")])
@pytest.mark.parametrize(("size", "code"), [((0, 5), "B1"), ((5, -2), "B1"), ((0.5, 5), "B2")])
def test_boxes_without_size_are_b1_or_b2(
    dataset_of: Any, size: tuple[float, float], code: str, good: int, severity: str
) -> None:
    dataset = dataset_of(annotations=boxes(*[(1, 2, 20, 10)] * good, (1, 2, *size)))

    finding = only(check_boxes(dataset), code)

    assert (finding.severity, finding.count) == (severity, 1)


def test_normalised_boxes_are_one_b3_error(dataset_of: Any) -> None:
    dataset = dataset_of(annotations=boxes(*[(0.1 * i, 0.2, 0.3, 0.4) for i in range(6)]))

    findings = check_boxes(dataset)

    assert [(f.code, f.severity, f.count) for f in findings] == [("B3", "error", 6)]


def test_corner_boxes_are_one_b4_error(dataset_of: Any) -> None:
    rng = np.random.default_rng(0)
    low = rng.uniform(0, (30, 20), (40, 2))
    high = low + rng.uniform(5, (34, 28), (40, 2))
    dataset = dataset_of(annotations=boxes(*np.hstack([low, high]).round(1).tolist()))

    findings = check_boxes(dataset)

    assert [(f.code, f.severity) for f in findings] == [("B4", "error")]


def test_large_boxes_near_the_corner_are_not_taken_for_corners(dataset_of: Any) -> None:
    dataset = dataset_of(annotations=boxes(*[(1, 1, 60 - i % 7, 46 - i % 5) for i in range(30)]))

    assert check_boxes(dataset) == []


def test_boxes_outside_are_b6(dataset_of: Any) -> None:
    inside = [(4, 5, 20, 10)] * 20
    dataset = dataset_of(annotations=boxes(*inside, (70, 1, 5, 5), (50, 1, 30, 5), (50, 1, 15, 5)))

    findings = check_boxes(dataset)

    assert [(f.code, f.severity, f.examples[0].annotation_id) for f in findings] == [
        ("B6", "warning", 21),
        ("B6", "warning", 22),
    ]


@pytest.mark.parametrize("value", [NAN, float("inf"), 1e9])
def test_boxes_with_impossible_numbers_are_b7(dataset_of: Any, value: float) -> None:
    dataset = dataset_of(annotations=[annotation(1), annotation(2, bbox=[1, value, 3, 4])])

    finding = only(check_boxes(dataset), "B7")

    assert (finding.severity, finding.examples[0].annotation_id) == ("error", 2)


def test_a_missing_box_is_b8_and_a_warning_when_the_polygon_tells(dataset_of: Any) -> None:
    polygon = [[4, 5, 24, 5, 24, 15]]
    dataset = dataset_of(
        annotations=[annotation(1, bbox=..., segmentation=polygon), annotation(2, bbox=...)]
    )

    findings = check_boxes(dataset)

    assert [(f.code, f.severity, f.count) for f in findings] == [
        ("B8", "warning", 1),
        ("B8", "error", 1),
    ]


@pytest.mark.parametrize(
    ("changes", "code", "severity"),
    [
        ({"area": ...}, "B9", "warning"),
        ({"area": 0}, "B10", "warning"),
        ({"area": 900}, "B11", "info"),
        ({"area": 20}, "B11", "info"),
        ({"iscrowd": ...}, "B12", "warning"),
        ({"iscrowd": 1}, "B13", "warning"),
        ({"ignore": True}, "F6", "warning"),
    ],
)
def test_area_and_flags_have_their_codes(
    dataset_of: Any, changes: dict[str, Any], code: str, severity: str
) -> None:
    dataset = dataset_of(annotations=[annotation(1), annotation(2), annotation(3, **changes)])

    finding = only(check_attributes(dataset), code)

    assert (finding.severity, finding.count) == (severity, 1)
    assert finding.examples[0].annotation_id == 3


def test_a_small_area_is_fine_beside_a_mask(dataset_of: Any) -> None:
    polygon = [[4, 5, 24, 5, 24, 15]]
    masked = annotation(1, area=100, segmentation=polygon)
    other = annotation(2, area=20, segmentation=polygon)

    assert check_attributes(dataset_of(annotations=[masked])) == []
    assert only(check_attributes(dataset_of(annotations=[masked, other])), "B11").ids == (2,)


def test_a_class_with_only_crowds_is_a_b13_error(dataset_of: Any) -> None:
    many = [annotation(i) for i in range(1, 200)]
    dataset = dataset_of(annotations=[*many, annotation(200, category_id=2, iscrowd=1)])

    finding = only(check_attributes(dataset), "B13")

    assert finding.severity == "error"
    assert '"red car"' in finding.message


def test_missing_images_are_i1(dataset_of: Any) -> None:
    dataset = dataset_of()

    some = only(check_missing_images(dataset, Path("images"), np.array([2])), "I1")
    none = only(check_missing_images(dataset, None, np.arange(4)), "I1")

    assert (some.severity, some.count, some.examples[0].file) == ("error", 1, "3.jpg")
    assert "none of the 12 images" in none.message
    assert check_missing_images(dataset, Path("images"), np.array([], np.int64)) == []


@pytest.mark.parametrize(
    ("sections", "boxes_kept", "what"),
    [
        ({"images": [], "annotations": []}, 0, "list of images is empty"),
        ({"annotations": []}, 0, "list of annotations is empty"),
        ({}, 0, "none of the 24 annotations"),
    ],
)
def test_nothing_to_train_is_d6(
    dataset_of: Any, sections: dict[str, Any], boxes_kept: int, what: str
) -> None:
    finding = only(check_something_to_train(dataset_of(**sections), 2, boxes_kept), "D6")

    assert finding.severity == "error"
    assert what in finding.message
