from __future__ import annotations

from typing import Any

import pytest

from coco_factory import category
from inspected_data import data_of, only
from train_teacher.inspection.checks.classes.class_name_checks import check_names
from train_teacher.inspection.facts import Finding


def names_checked(dataset_of: Any, *names: str) -> list[Finding]:
    classes = [category(n, name) for n, name in enumerate(names, 1)]
    return check_names(data_of(dataset_of(categories=classes, annotations=[])))


@pytest.mark.parametrize("name", ["", "  ", "(misc)", "_"])
def test_a_name_without_words_is_n1(dataset_of: Any, name: str) -> None:
    finding = only(names_checked(dataset_of, "cat", name), "N1")

    assert finding.severity == "error"
    assert finding.examples[0].path == "categories[1].name"


def test_names_that_read_as_the_same_words_are_n2(dataset_of: Any) -> None:
    finding = only(names_checked(dataset_of, "Hard_Hat", "cat", "hard hat (white)"), "N2")

    assert (finding.severity, finding.count) == ("error", 2)
    assert 'the same words "hard hat"' in finding.message


def test_names_whose_accents_are_stored_in_two_ways_are_n2_and_told_so(dataset_of: Any) -> None:
    stored = only(names_checked(dataset_of, "caf\u00e9", "cafe\u0301"), "N2")
    written = only(names_checked(dataset_of, "caf\u00e9", "cafe"), "N2")

    assert "differ only in how an accent is stored (NFC, NFD)" in stored.message
    assert "NFC" not in written.message


@pytest.mark.parametrize(
    ("names", "pieces", "read"),
    [
        (("\u8f66", "\u5361"), [["[UNK]"], ["[UNK]"]], '"[UNK]"'),
        (("t-shirt", "t - shirt"), [["t", "-", "shirt"]] * 2, '"t - shirt"'),
    ],
)
def test_names_of_equal_pieces_are_n2_and_shown_as_the_model_reads_them(
    dataset_of: Any, names: tuple[str, str], pieces: list[list[str]], read: str
) -> None:
    classes = [category(n, name) for n, name in enumerate(names, 1)]
    data = data_of(dataset_of(categories=classes, annotations=[]), pieces=pieces)

    finding = only(check_names(data), "N2")

    assert finding.severity == "error"
    assert f"read as the same words {read}" in finding.message


def test_names_of_other_pieces_are_no_n2_though_some_are_unknown(dataset_of: Any) -> None:
    classes = [category(1, "\u8f66"), category(2, "\u8f66 red")]
    pieces = [["[UNK]"], ["[UNK]", "red"]]
    assert check_names(data_of(dataset_of(categories=classes, annotations=[]), pieces=pieces)) == []


def test_the_same_name_twice_is_n3_and_not_also_n2(dataset_of: Any) -> None:
    findings = names_checked(dataset_of, "cat", "dog", "cat")

    assert [f.code for f in findings] == ["N3"]
    assert findings[0].severity == "error"
