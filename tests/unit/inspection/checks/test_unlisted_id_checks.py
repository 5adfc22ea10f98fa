from __future__ import annotations

from typing import Any

import pytest

from coco_factory import annotation
from inspected_data import only
from train_teacher.inspection.checks.unlisted_id_checks import check_unlisted_ids


def test_an_annotation_of_an_unlisted_image_is_r5(dataset_of: Any) -> None:
    dataset = dataset_of(annotations=[annotation(1), annotation(2, image_id=99)])

    finding = only(check_unlisted_ids(dataset), "R5")

    assert (finding.severity, finding.count) == ("warning", 1)
    assert finding.examples[0].value == "99"


def test_an_annotation_of_an_undefined_category_is_r6(dataset_of: Any) -> None:
    dataset = dataset_of(annotations=[annotation(1), annotation(2, category_id=0)])

    finding = only(check_unlisted_ids(dataset), "R6")

    assert finding.severity == "error"
    assert "add 1 to every category_id" in finding.fix


@pytest.mark.parametrize(("first", "told"), [(0, "add 1 to every"), (2, "take 1 from every")])
def test_category_ids_off_by_one_are_told_as_such(dataset_of: Any, first: int, told: str) -> None:
    dataset = dataset_of(annotations=[annotation(n, n % 12 + 1, n % 2 + first) for n in range(24)])

    assert told in only(check_unlisted_ids(dataset), "R6").fix


def test_a_missing_reference_is_told_as_null(dataset_of: Any) -> None:
    dataset = dataset_of(annotations=[annotation(1), annotation(2, None, None)])
    findings = [only(check_unlisted_ids(dataset), code) for code in ("R5", "R6")]

    assert all("id null" in f.message and f.examples[0].value == "null" for f in findings)


def test_image_ids_counted_from_another_start_are_an_error_of_the_whole_file(
    dataset_of: Any,
) -> None:
    shifted = [annotation(n, image_id=n % 12) for n in range(24)]
    finding = only(check_unlisted_ids(dataset_of(annotations=shifted)), "R5")

    assert finding.severity == "error"
    assert len(finding.ids) == 24, "those on a listed image are wrong too"
    assert "image_id is 1 lower than the ids in the list, in all 24 annotations" in finding.message


def test_names_in_place_of_category_ids_are_told_as_such(dataset_of: Any) -> None:
    named = [annotation(n, category_id=("cat", "red car")[n % 2]) for n in range(6)]

    assert (
        "holds class names instead of ids"
        in only(check_unlisted_ids(dataset_of(annotations=named)), "R6").message
    )


def test_a_file_whose_ids_are_all_listed_is_silent(dataset_of: Any) -> None:
    assert check_unlisted_ids(dataset_of()) == []
