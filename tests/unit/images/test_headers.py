from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from train_teacher.images.facts import (
    ALPHA,
    CMYK,
    DEEP,
    EMPTY_FILE,
    FLOAT,
    FORMATS,
    GIT_LFS,
    GRAY,
    NOT_AN_IMAGE,
    PALETTE,
    SEVERAL,
    SOUND,
    TRANSPARENT,
    TRUNCATED,
    UNREADABLE,
    WEB_PAGE,
    ImageFacts,
)
from train_teacher.images.headers import read_headers

NOISE = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
EXIF_ORIENTATION = 0x0112


def photo(mode: str = "RGB") -> Image.Image:
    return Image.fromarray(NOISE).convert(mode)


def encoded(image: Image.Image, format_: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = value
    return exif


def look(tmp_path: Path, content: bytes, name: str = "a.jpg") -> ImageFacts:
    (tmp_path / name).write_bytes(content)
    return read_headers([str(tmp_path / name)])


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_size_and_format_are_read_from_every_usual_kind(tmp_path: Path, format_: str) -> None:
    facts = look(tmp_path, encoded(photo(), format_))

    assert facts.size.tolist() == [[64, 48]]
    assert FORMATS[facts.format[0]] == format_
    assert facts.damage.tolist() == [SOUND]
    assert facts.pixels.tolist() == [PALETTE if format_ == "GIF" else 0]


# Only newer OpenCVs turn WebP: test_opencv_reading.py compares with the one that is there.
@pytest.mark.parametrize("format_", ["JPEG", "PNG"])
@pytest.mark.parametrize("value", [1, 3, 6, 8])
def test_the_orientation_is_read_and_turns_the_displayed_size(
    tmp_path: Path, format_: str, value: int
) -> None:
    facts = look(tmp_path, encoded(photo(), format_, exif=orientation(value)))

    assert facts.orientation.tolist() == [value]
    assert facts.size.tolist() == [[64, 48]]
    assert facts.displayed_size.tolist() == [[48, 64] if value >= 5 else [64, 48]]


def test_a_header_behind_a_large_exif_thumbnail_is_found(tmp_path: Path) -> None:
    exif = orientation(8)
    exif[0x010E] = "a long description " * 2000
    facts = look(tmp_path, encoded(photo(), exif=exif, progressive=True))

    assert facts.size.tolist() == [[64, 48]]
    assert facts.orientation.tolist() == [8]
    assert facts.damage.tolist() == [SOUND]


@pytest.mark.parametrize("cut", [1, 2, 100, 1000])
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "BMP"])
def test_a_file_that_ends_too_early_is_seen(tmp_path: Path, format_: str, cut: int) -> None:
    assert look(tmp_path, encoded(photo(), format_)[:-cut]).damage.tolist() == [TRUNCATED]


def test_a_thumbnail_with_its_own_end_marker_does_not_hide_the_cut(tmp_path: Path) -> None:
    content = encoded(photo())
    thumbnail = b"\xff\xe1" + (8 + 2).to_bytes(2, "big") + b"JUNK\0\0\xff\xd9"

    whole = content[:2] + thumbnail + content[2:]

    assert look(tmp_path, whole).damage.tolist() == [SOUND]
    assert look(tmp_path, whole[:-2]).damage.tolist() == [TRUNCATED]


@pytest.mark.parametrize("junk", [b"\0" * 5000, b"SEFT" * 3000, encoded(photo())[:-40]])
@pytest.mark.parametrize("format_", ["JPEG", "PNG"])
def test_bytes_behind_the_end_are_legal(tmp_path: Path, format_: str, junk: bytes) -> None:
    assert look(tmp_path, encoded(photo(), format_) + junk).damage.tolist() == [SOUND]


@pytest.mark.parametrize(
    ("content", "damage"),
    [
        (b"", EMPTY_FILE),
        (b"\n <!DOCTYPE html><html><body>404 Not Found</body></html>", WEB_PAGE),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', WEB_PAGE),
        (b'<svg xmlns="http://www.w3.org/2000/svg"></svg>', NOT_AN_IMAGE),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:12\n", GIT_LFS),
        (b'{"error": "expired"}', NOT_AN_IMAGE),
        (bytes(9000), NOT_AN_IMAGE),
        (b"\xff\xd8\xff\xe0", TRUNCATED),
        (b"\xff\xd8 and then something else", UNREADABLE),
        (b"\x89PNG\r\n\x1a\n", TRUNCATED),
    ],
)
def test_what_is_no_image_is_named(tmp_path: Path, content: bytes, damage: int) -> None:
    assert look(tmp_path, content).damage.tolist() == [damage]


@pytest.mark.parametrize(
    ("image", "format_", "pixels"),
    [
        (photo("L"), "JPEG", GRAY),
        (photo("CMYK"), "JPEG", CMYK),
        (photo("P"), "PNG", PALETTE),
        (photo("L"), "PNG", GRAY),
        (photo("RGBA"), "PNG", ALPHA),
        (Image.fromarray(NOISE[..., 0].astype(np.uint16)), "PNG", GRAY | DEEP),
        (Image.fromarray(NOISE[..., 0].astype(np.uint16)), "TIFF", GRAY | DEEP),
        (Image.fromarray(NOISE[..., 0].astype(np.float32)), "TIFF", GRAY | FLOAT),
        (photo("RGBA"), "WEBP", 0),
    ],
)
def test_the_kind_of_pixels_is_read(
    tmp_path: Path, image: Image.Image, format_: str, pixels: int
) -> None:
    assert look(tmp_path, encoded(image, format_)).pixels.tolist() == [pixels]


@pytest.mark.parametrize("format_", ["PNG", "GIF", "TIFF"])
def test_several_frames_are_seen(tmp_path: Path, format_: str) -> None:
    second = Image.fromarray(255 - NOISE)
    facts = look(tmp_path, encoded(photo(), format_, save_all=True, append_images=[second]))

    assert facts.pixels[0] & SEVERAL


def test_an_alpha_channel_is_looked_through(tmp_path: Path) -> None:
    clear = photo("RGBA")
    clear.putpixel((3, 3), (0, 0, 0, 0))

    assert look(tmp_path, encoded(clear, "PNG")).pixels[0] & TRANSPARENT
    assert not look(tmp_path, encoded(photo("RGBA"), "PNG")).pixels[0] & TRANSPARENT


def test_missing_and_unreadable_paths_have_no_facts(tmp_path: Path) -> None:
    (tmp_path / "folder.jpg").mkdir()

    facts = read_headers([None, str(tmp_path / "folder.jpg"), str(tmp_path / "gone.jpg")])

    assert facts.exists.tolist() == [False, True, True]
    assert facts.damage.tolist() == [SOUND, UNREADABLE, UNREADABLE]
    assert facts.size.tolist() == [[0, 0]] * 3


def test_no_images_at_all_give_empty_columns() -> None:
    facts = read_headers([])

    assert facts.size.shape == (0, 2)
    assert facts.displayed_size.shape == (0, 2)


def test_random_bytes_behind_any_start_never_raise(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    whole = [encoded(photo(), f) for f in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")]
    for number in range(300):
        content = bytearray(whole[number % len(whole)][: random.integers(2, 700)])
        for at in random.integers(0, len(content), 6):
            content[at] = random.integers(0, 256)

        assert len(look(tmp_path, bytes(content)).damage) == 1
