from __future__ import annotations

from typing import Any

from coco_factory import annotation, category, image
from inspected_data import file_of, only
from train_teacher.inspection.checks.reference_checks import check_references


def test_a_repeated_image_id_is_r1(dataset_of: Any) -> None:
    dataset = dataset_of(images=[image(5, "a.jpg"), image(5, "b.jpg"), image(1)])

    finding = only(check_references(file_of(dataset)), "R1")

    assert finding.severity == "error"
    assert finding.message == 'image id 5 is used by 2 images: "a.jpg", "b.jpg"'


def test_a_repeated_annotation_id_is_r2_and_repaired(dataset_of: Any) -> None:
    dataset = dataset_of(annotations=[annotation(1), annotation(2), annotation(2)])

    finding = only(check_references(file_of(dataset)), "R2")

    assert (finding.severity, finding.count) == ("warning", 2)
    assert "repairs it in its own copies" in finding.fix


def test_id_zero_is_reported_as_r3(dataset_of: Any) -> None:
    dataset = dataset_of(annotations=[annotation(0), annotation(1, category_id=2)])

    finding = only(check_references(file_of(dataset)), "R3")

    assert finding.severity == "warning"
    assert finding.examples[0].path == "annotations[0].id"


def test_a_repeated_category_id_is_r4(dataset_of: Any) -> None:
    dataset = dataset_of(categories=[category(1, "cat"), category(1, "dog")])

    finding = only(check_references(file_of(dataset)), "R4")

    assert finding.severity == "error"
    assert '"cat", "dog"' in finding.message


def test_the_id_that_an_image_was_meant_to_have_is_named(dataset_of: Any) -> None:
    images = [image(1, "a.jpg"), image(1, "b.jpg"), image(3, "c.jpg")]
    findings = check_references(file_of(dataset_of(images=images, annotations=[annotation(1, 2)])))

    assert '"b.jpg" stands where id 2 is missing' in only(findings, "R1").fix
    assert "R1" in only(findings, "R5").fix


def test_annotation_ids_that_are_text_are_f7(dataset_of: Any) -> None:
    dataset = dataset_of(annotations=[annotation(str(n)) for n in range(3)])
    finding = only(check_references(file_of(dataset)), "F7")

    assert (finding.severity, finding.count) == ("warning", 3)


def test_files_of_the_same_name_in_two_folders_are_r10(dataset_of: Any) -> None:
    names = ["a/x.jpg", "b/x.jpg", "a/y.jpg", "b\\y.jpg", "a/z.jpg", "z.JPG"]
    finding = only(
        check_references(
            file_of(dataset_of(images=[image(n, name) for n, name in enumerate(names)]))
        ),
        "R10",
    )

    assert (finding.severity, finding.count) == ("info", 4)
    assert "different folder" in finding.message


def test_a_class_without_boxes_is_r7(dataset_of: Any) -> None:
    finding = only(check_references(file_of(dataset_of(annotations=[annotation(1)]))), "R7")

    assert (finding.severity, finding.message) == ("info", '1 class without a box: "red car"')
