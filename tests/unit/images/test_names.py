from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from coco_factory import folder_with
from train_teacher.images.names import FolderListings, find_names


@pytest.mark.parametrize(
    "written",
    [
        "a/my cat.jpg",
        "a\\my cat.jpg",
        "A/My Cat.JPG",
        "a/my%20cat.jpg",
        "/home/someone/set/a/my cat.jpg",
        "C:\\Users\\someone\\a\\my cat.jpg",
        "file:///data/set/a/my cat.jpg",
        "https://bucket.example/set/a/my%20cat.jpg?signature=abc",
        "/data/local-files/?d=set/a/my%20cat.jpg",
        "../../media/upload/a/my cat.jpg",
    ],
)
def test_a_image_is_found_under_what_exports_make_of_its_name(tmp_path: Path, written: str) -> None:
    assert find_names(folder_with(tmp_path, "a/my cat.jpg"), [written]) == ["a/my cat.jpg"]


def test_a_image_in_another_folder_is_found_by_its_base_name(tmp_path: Path) -> None:
    assert find_names(folder_with(tmp_path, "1.jpg"), ["images/1.jpg"]) == ["1.jpg"]


def test_a_base_name_that_two_records_share_is_not_guessed(tmp_path: Path) -> None:
    listings = folder_with(tmp_path, "1.jpg")

    assert find_names(listings, ["train/1.jpg", "val/1.jpg"]) == [None, None]


def test_a_image_is_found_under_the_name_it_had_before_label_studio(tmp_path: Path) -> None:
    listings = folder_with(tmp_path, "cat.jpg", "a/dog.jpg", "two.jpg")
    written = ["images/0a1b2c3d-cat.jpg", "/data/upload/1/12345678-dog.jpg"]
    assert find_names(listings, written) == ["cat.jpg", None]
    assert find_names(folder_with(tmp_path, "dog.jpg"), written) == ["cat.jpg", "dog.jpg"]
    doubled = ["images/0a1b2c3d-two.jpg", "images/1a1b2c3d-two.jpg"]
    assert find_names(listings, doubled) == [None, None]


@pytest.mark.parametrize("others", [["other.jpg"], ["20260102-cat.jpg"]])
def test_what_may_be_a_date_is_not_taken_off_a_name(tmp_path: Path, others: list[str]) -> None:
    written = ["20260101-dog.jpg", *others]
    assert find_names(folder_with(tmp_path, "dog.jpg"), written)[0] is None


def test_a_file_that_another_record_names_is_not_taken(tmp_path: Path) -> None:
    assert find_names(folder_with(tmp_path, "1.jpg"), ["1.jpg", "1.JPG"]) == ["1.jpg", None]


def test_case_is_not_guessed_between_two_files(tmp_path: Path) -> None:
    assert find_names(folder_with(tmp_path, "a.jpg", "A.jpg"), ["a.JPG"]) == [None]


def test_accents_in_either_form_are_the_same_name(tmp_path: Path) -> None:
    composed = unicodedata.normalize("NFC", "café.jpg")
    decomposed = unicodedata.normalize("NFD", "café.jpg")

    assert find_names(folder_with(tmp_path, decomposed), [composed]) == [decomposed]


def test_a_percent_sign_or_backslash_that_is_part_of_the_name_stays(tmp_path: Path) -> None:
    names = ["100%20.jpg", "a\\b.jpg"]

    assert find_names(folder_with(tmp_path, *names), names) == names


def test_names_that_lead_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    folder_with(tmp_path, "other/1.jpg", "images2/1.jpg")
    (tmp_path / "images").mkdir()
    outside = [str(tmp_path / "other" / "1.jpg"), "../other/1.jpg", "a/../../images2/1.jpg"]

    assert find_names(FolderListings(tmp_path / "images"), outside) == [None] * 3


def test_full_paths_are_kept_inside_the_folder_that_was_asked_for(tmp_path: Path) -> None:
    folder_with(tmp_path, "other/1.jpg")
    names = [str(tmp_path / "other" / "1.jpg")]

    assert find_names(FolderListings(tmp_path), names) == names
    assert find_names(FolderListings(Path("/")), names) == names


@pytest.mark.parametrize("written", ["", "/", "..", "a\0b.jpg", "x" * 5000, "https://", "?d="])
def test_names_that_cannot_be_files_are_not_found(tmp_path: Path, written: str) -> None:
    assert find_names(folder_with(tmp_path, "1.jpg"), [written]) == [None]


def test_images_are_listed_without_hidden_and_other_files(tmp_path: Path) -> None:
    listings = folder_with(tmp_path, "1.jpg", "a/2.PNG", "._3.jpg", "labels.json", "b/4.jpg")
    find_names(listings, ["1.jpg", "a/2.PNG"])

    assert sorted(listings.images()) == ["1.jpg", "a/2.PNG"]


def test_a_link_in_a_loop_hides_no_other_image(tmp_path: Path) -> None:
    listings = folder_with(tmp_path, "1.jpg", "2.jpg")
    (tmp_path / "loop").symlink_to("loop")

    assert find_names(listings, ["1.jpg", "2.jpg"]) == ["1.jpg", "2.jpg"]
