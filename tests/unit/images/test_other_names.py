from __future__ import annotations

from pathlib import Path

import pytest

from coco_factory import folder_with, image, make_coco, write_image
from train_teacher.coco.reader import read_coco
from train_teacher.images.files import check_image_files, find_image_dir
from train_teacher.images.other_names import find_files, likely_names, spelling_of

UUID = "01234567-89ab-cdef-0123-456789abcdef", "12345678-9abc-def0-1234-56789abcdef0"


@pytest.mark.parametrize(
    ("written", "real"),
    [
        ("{}.jpg ", "{}.jpg"),
        ("{}.jpg\r", "{}.jpg"),
        ('"{}.jpg"', "{}.jpg"),
        ("R&amp;D {}.jpg", "R&D {}.jpg"),
        ("my+photo+{}.jpg", "my photo {}.jpg"),
        ("my photo {}.jpg", "my%20photo%20{}.jpg"),
        ("a/©{}.jpg", "a/Â©{}.jpg"),
        ("caf\u00e9{}.jpg", "caf\u251c\u2310{}.jpg"),
        ("{}", "{}.jpg"),
        ("a/{}.png", "a/{}.JPG"),
        ("{}.jpg", "{}.jpg.jpg"),
        ("{}.jpg", "s{}/b/{}.jpg"),
        ("{}.jpg\u200b", "{}.jpg"),
        ("['{}.jpg']", "{}.jpg"),
        ("{}.jpg;", "{}.jpg"),
        ("R&amp;amp;D {}.jpg", "R&D {}.jpg"),
        ("{}.xml", "{}.jpg"),
        ("{}.0", "{}.jpg"),
        ("{}.", "{}.jpg"),
        ("b'{}.jpg'", "{}.jpg"),
        ("PosixPath('{}.jpg')", "{}.jpg"),
    ],
)
def test_a_name_that_became_another_on_the_way_finds_its_file(
    tmp_path: Path, written: str, real: str
) -> None:
    names = [written.format(n) for n in (1, 2)]
    files = [real.format(n, n) for n in (1, 2)]

    assert find_files(folder_with(tmp_path, *files, "other.jpg"), names) == files
    assert all(map(spelling_of, names, files))


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["1.jpg"], ["0001.jpg"]),
        (["a.jpg"], ["A_a.jpg"]),
        (["a.jpg"], ["a_jpg.rf.0123456789abcdef.jpg"]),
        (["a.png"], ["a.jpg", "a.bmp"]),
        (["a.png", "a.bmp"], ["a.jpg"]),
        (["a.jpg"], ["x/a.jpg", "y/a.jpg"]),
        (["a.jpg"], ["masks/a.png"]),
        (["train/a.jpg"], ["val/a.jpg"]),
    ],
)
def test_a_file_that_may_be_another_image_is_not_used(
    tmp_path: Path, names: list[str], files: list[str]
) -> None:
    assert find_files(folder_with(tmp_path, *files), names) == [None] * len(names)


def test_another_ending_is_not_used_where_images_have_such_files_beside_them(
    tmp_path: Path,
) -> None:
    listings = folder_with(tmp_path, "a.jpg", "a.png", "b.png")

    assert find_files(listings, ["a.jpg", "b.jpg"]) == ["a.jpg", None]


def test_an_image_that_is_simply_missing_costs_no_look_at_the_names_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{number}.jpg" for number in range(200)]
    listings = folder_with(tmp_path, *names[1:], "other.jpg")
    looked_at: list[str] = []

    def parts(name: str) -> list[str]:
        looked_at.append(name)
        return [name]

    monkeypatch.setattr("train_teacher.images.names.path_parts", parts)
    monkeypatch.setattr("train_teacher.images.other_names.path_parts", parts)

    assert find_files(listings, names) == [None, *names[1:]]
    assert set(looked_at) == {"0.jpg"}


def test_missing_images_are_looked_for_only_in_the_spellings_that_their_names_and_files_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[str] = []

    def alike(name: str) -> str:
        compared.append(name)
        return name

    monkeypatch.setattr("train_teacher.images.other_names.alike", alike)
    files = [f"photo{number}.jpg" for number in range(1000)]

    assert likely_names([f"img_{number}.jpg" for number in range(1000)], files) == ("", {})
    assert len(compared) < 5 * len(files)


def test_a_file_that_another_record_names_is_not_used_for_a_like_name(tmp_path: Path) -> None:
    assert find_files(folder_with(tmp_path, "a.jpg"), ["a.jpg", "a.jpg "]) == ["a.jpg", None]


@pytest.mark.parametrize(
    ("names", "files", "what"),
    [
        (["1.jpg", "2.jpg"], ["0001.jpg", "0002.jpg"], "leading zeros"),
        (["a.jpg", "b.jpg"], ["A_a.jpg", "A_b.jpg"], "without the A_ before"),
        (["a.jpg", "b.jpg"], ["a_jpg.rf.0f1e2d.jpg", "b.jpg.rf.ab12.jpg"], r".rf."),
        (["x/a.png", "x/b.png"], ["a.jpg", "b.jpg"], "another extension"),
        (["1", "2"], ["0001.jpg", "0002.jpg"], "leading zeros"),
        ([f"{UUID[0]}_a.jpg", f"{UUID[1]}_b.jpg"], ["a.jpg", "b.jpg"], "random prefix"),
        (["1.jpg", "2.jpg"], ["COCO_0001.jpg", "COCO_0002.jpg"], "without the COCO_ before"),
        (["A_a.jpg", "A_b.jpg"], ["a.jpg", "b.jpg"], "with the A_ before"),
        (["a.jpg", "b.jpg"], ["a_rgb.jpg", "b_rgb.jpg"], "without the _rgb behind"),
        (["a{}.jpg", "b{}.jpg"], ["a.png", "b.png"], "with the {} behind"),
        (["my a.jpg", "my b.jpg"], ["my_a.jpg", "my_b.jpg"], "other signs"),
        (["s_a.jpg", "s_b.jpg"], ["s/a.jpg", "s/b.jpg"], "other signs"),
        (["\u71671.jpg", "\u71672.jpg"], ["\u2552\u25561.jpg", "\u2552\u25562.jpg"], "code page"),
        (["\u71671.jpg", "\u71672.jpg"], ["#U71671.jpg", "#U71672.jpg"], "code page"),
    ],
)
def test_what_missing_names_and_files_differ_in_is_said(
    names: list[str], files: list[str], what: str
) -> None:
    said, pairs = likely_names(names, files)

    assert what in said
    assert pairs == dict(zip(names, files, strict=True))


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["1.jpg", "2.jpg"], ["21.jpg", "22.jpg"]),
        (["1.jpg", "2.jpg"], ["10.jpg", "20.jpg"]),
        (["a.jpg"], ["b.jpg"]),
        ([""], ["b.jpg"]),
        (["\u71671.jpg", "\u72471.jpg"], ["\u2552\u25561.jpg", "\u2553\u25571.jpg"]),
    ],
)
def test_names_that_have_nothing_in_common_are_called_nothing(
    names: list[str], files: list[str]
) -> None:
    assert likely_names(names, files) == ("", {})


@pytest.mark.parametrize(
    ("written", "real", "folder", "renamed"),
    [
        ("{}.png", "images/{}.jpg", "images", True),
        ("{}.jpg", "images/s{}/{}.jpg", ".", True),
        ("{}.jpg", "images/000{}.jpg", "images", False),
        ("{}.png", "images/s/{}.jpg", ".", False),
    ],
)
def test_the_folder_of_images_with_other_names_is_found(
    tmp_path: Path, written: str, real: str, folder: str, renamed: bool
) -> None:
    images = [image(n, written.format(n)) for n in (1, 2)]
    dataset = read_coco(make_coco(tmp_path / "set", images=images, write_images=False))
    for n in (1, 2):
        write_image(tmp_path / "set" / real.format(n, n))

    found = find_image_dir(dataset)
    files = check_image_files(dataset, found)

    assert found == tmp_path / "set" / folder
    assert (len(files.renamed), len(files.missing), len(files.unnamed)) == (
        (2, 0, 0) if renamed else (0, 2, 2)
    )
