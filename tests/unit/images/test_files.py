from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from coco_factory import image, make_coco, write_image
from train_teacher.coco.reader import read_coco
from train_teacher.core.errors import UserError
from train_teacher.images.files import check_image_files, find_image_dir, image_paths


@pytest.mark.parametrize(
    ("json_name", "image_folder"),
    [
        ("data.json", "."),
        ("data.json", "images"),
        ("annotations/data.json", "../images"),
        ("annotations/instances_train2017.json", "../train2017"),
        ("annotations/instances_part.json", "../images/part"),
        ("labels.json", "labels"),
        ("annotations/train.json", ".."),
    ],
)
def test_the_usual_places_of_images_are_found(
    tmp_path: Path, json_name: str, image_folder: str
) -> None:
    file = tmp_path / "set" / json_name
    make_coco(file.parent, name=file.name, image_folder=image_folder)

    found = find_image_dir(read_coco(file))

    assert found == (file.parent / image_folder).resolve()


def test_the_folder_with_most_images_wins(tmp_path: Path) -> None:
    file = make_coco(tmp_path, image_folder="images")
    write_image(tmp_path / "1.jpg")

    assert find_image_dir(read_coco(file)) == tmp_path / "images"


def test_no_images_anywhere_gives_none_and_all_are_missing(tmp_path: Path) -> None:
    dataset = read_coco(make_coco(tmp_path, write_images=False))

    files = check_image_files(dataset, find_image_dir(dataset))

    assert files.image_dir is None
    assert files.missing.tolist() == list(range(12))


def test_a_given_folder_is_used_and_no_other(tmp_path: Path) -> None:
    dataset = read_coco(make_coco(tmp_path))
    other = tmp_path / "elsewhere"
    other.mkdir()
    assert find_image_dir(dataset, other) is None

    write_image(other / "images" / "1.jpg")
    assert find_image_dir(dataset, other) == other / "images"


def test_a_given_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    dataset = read_coco(make_coco(tmp_path))

    with pytest.raises(UserError, match=r"--images .*nowhere: there is no such folder"):
        find_image_dir(dataset, tmp_path / "nowhere")


def test_windows_separators_and_subfolders_are_understood(tmp_path: Path) -> None:
    file = make_coco(
        tmp_path, images=[image(1, "a\\1.jpg"), image(2, "b/2.jpg")], write_images=False
    )
    write_image(tmp_path / "a" / "1.jpg")
    dataset = read_coco(file)

    files = check_image_files(dataset, find_image_dir(dataset))

    assert files.image_dir == tmp_path
    assert files.missing.tolist() == [1]


def test_sizes_that_the_json_lacks_are_read_from_the_files(tmp_path: Path) -> None:
    images = [image(1), image(2, width=None), image(3, width=0, height=0)]
    file = make_coco(tmp_path, images=images)
    write_image(tmp_path / "2.jpg", 31, 17)
    (tmp_path / "3.jpg").write_bytes(b"not an image")

    files = check_image_files(read_coco(file), tmp_path)

    assert files.sizes == {1: (31, 17)}


def test_unchecked_files_are_not_called_missing(tmp_path: Path) -> None:
    dataset = read_coco(make_coco(tmp_path, write_images=False))

    files = check_image_files(dataset, None, check=False)

    assert not files.checked
    assert len(files.missing) == 0


def test_a_size_from_the_file_is_the_one_that_training_sees(tmp_path: Path) -> None:
    file = make_coco(tmp_path, images=[image(1, width=None)], write_images=False)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(tmp_path / "1.jpg", exif=exif)

    assert check_image_files(read_coco(file), tmp_path).sizes == {0: (30, 40)}


def test_names_from_another_machine_find_folder_and_files(tmp_path: Path) -> None:
    names = [f"C:\\work\\photos\\{n}.jpg" for n in (1, 2)]
    file = make_coco(
        tmp_path, images=[image(n + 1, name) for n, name in enumerate(names)], write_images=False
    )
    for n in (1, 2):
        write_image(tmp_path / "images" / f"{n}.jpg")
    dataset = read_coco(file)

    files = check_image_files(dataset, find_image_dir(dataset))

    assert files.image_dir == tmp_path / "images"
    assert files.missing.tolist() == []
    assert files.renamed == {0: "1.jpg", 1: "2.jpg"}
    assert files.name_of(0, names[0]) == "1.jpg"
    assert image_paths(dataset, files) == [str(tmp_path / "images" / f"{n}.jpg") for n in (1, 2)]


def test_images_that_no_record_names_are_listed(tmp_path: Path) -> None:
    dataset = read_coco(make_coco(tmp_path))
    write_image(tmp_path / "more.jpg")
    write_image(tmp_path / "elsewhere" / "5.jpg")

    assert check_image_files(dataset, tmp_path).unnamed == ("more.jpg",)


@pytest.mark.parametrize(
    "spelling", ["{folder}/1.jpg", "../set/1.jpg", "./1.jpg", "sub/../1.jpg", ".//1.jpg"]
)
def test_a_roundabout_name_is_made_plain_and_its_image_is_not_unnamed(
    tmp_path: Path, spelling: str
) -> None:
    folder = tmp_path / "set"
    write_image(folder / "1.jpg")
    (folder / "sub").mkdir()
    name = spelling.format(folder=folder)
    dataset = read_coco(make_coco(folder, images=[image(1, name)], write_images=False))

    files = check_image_files(dataset, folder)

    assert files.renamed == {0: "1.jpg"}
    assert files.unnamed == ()
    assert len(files.missing) == 0


def test_a_way_back_behind_a_link_keeps_its_name(tmp_path: Path) -> None:
    write_image(tmp_path / "elsewhere" / "1.jpg")
    (tmp_path / "elsewhere" / "deep").mkdir()
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "link").symlink_to(tmp_path / "elsewhere" / "deep")
    images = [image(1, "link/../1.jpg")]
    dataset = read_coco(make_coco(tmp_path / "set", images=images, write_images=False))

    files = check_image_files(dataset, tmp_path / "set")

    assert (files.renamed, len(files.missing)) == ({}, 0)
