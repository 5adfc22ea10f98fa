"""An image that vanished is named; training goes on without it, validation does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.samples.load_image import MOST_IN_A_ROW, MOST_SKIPPED, LoadPicture


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (40, 30), "red").save(path)
    return path


def test_a_good_image_is_loaded_as_mmdet_loads_it(image: Path) -> None:
    loaded = LoadPicture(skip_unreadable=True).transform({"img_path": str(image)})
    assert loaded is not None
    assert loaded["img_shape"] == (30, 40)


@pytest.mark.parametrize("backend", ["cv2", "pillow"])
def test_a_photo_can_be_read_without_turning_it(image: Path, backend: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30), "red").save(image, exif=exif)
    shapes = []
    for color_type in ("color", "color_ignore_orientation"):
        load = LoadPicture(color_type=color_type, imdecode_backend=backend)
        loaded = load.transform({"img_path": str(image)})
        assert loaded is not None
        shapes.append(loaded["img_shape"])
    assert shapes == [(40, 30), (30, 40)]


@pytest.mark.parametrize("backend", ["cv2", "pillow"])
@pytest.mark.parametrize("content", [None, b"", b"not an image", b"\xff\xd8\xff\xe0cut"])
def test_in_training_an_unreadable_image_is_named_once_and_left_out(
    image: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, backend: str
) -> None:
    if content is None:
        image.unlink()
    else:
        image.write_bytes(content)
    load = LoadPicture(skip_unreadable=True, imdecode_backend=backend)
    assert load.transform({"img_path": str(image)}) is None
    assert load.transform({"img_path": str(image)}) is None
    assert capsys.readouterr().err.count(str(image)) == 1


def test_in_validation_an_unreadable_image_stops_with_its_name(image: Path) -> None:
    image.unlink()
    with pytest.raises(UserError, match=r"a\.jpg: the image cannot be read \(there is no such"):
        LoadPicture().transform({"img_path": str(image)})


def test_when_a_whole_folder_is_gone_training_stops_instead_of_learning_the_rest(
    tmp_path: Path,
) -> None:
    load = LoadPicture(skip_unreadable=True)
    for number in range(MOST_SKIPPED):
        assert load.transform({"img_path": str(tmp_path / f"{number}.jpg")}) is None
    with pytest.raises(UserError, match="Is the disk or the network folder still there"):
        load.transform({"img_path": str(tmp_path / "one-more.jpg")})


def test_when_no_image_can_be_decoded_training_stops_and_names_one(tmp_path: Path) -> None:
    load = LoadPicture(skip_unreadable=True)
    image = tmp_path / "a.tif"
    image.write_bytes(b"no image")
    for _ in range(MOST_IN_A_ROW):
        assert load.transform({"img_path": str(image)}) is None
    with pytest.raises(UserError, match=r"a\.tif"):
        load.transform({"img_path": str(image)})
