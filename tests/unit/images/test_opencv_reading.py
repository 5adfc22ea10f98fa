"""Images that OpenCV cannot read, or turns in its own way, are known before training."""

from __future__ import annotations

import logging
import struct
import zlib
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from train_teacher.images.facts import HEIC, NOT_DECODED, SOUND, TOO_LARGE, ImageFacts
from train_teacher.images.headers import read_headers
from train_teacher.images.opencv_reading import MOST_ASKED


def look(path: Path, content: bytes) -> ImageFacts:
    path.write_bytes(content)
    return read_headers([str(path)])


def tiff(bands: int, bits: int = 8) -> bytes:
    """Return an uncompressed TIFF of 8 x 4 pixels."""
    pixels = bytes(8 * 4 * bands * bits // 8)
    entries = [
        (256, 3, 1, 8),
        (257, 3, 1, 4),
        (258, 3, 1, bits),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (277, 3, 1, bands),
        (278, 3, 1, 4),
        (279, 4, 1, len(pixels)),
    ]
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<2sHI", b"II", 42, 8 + len(pixels)) + pixels + directory + bytes(4)


@pytest.mark.parametrize(("bands", "bits"), [(5, 8), (7, 16)])
def test_a_tiff_of_many_bands_is_not_readable_and_says_how_many(
    tmp_path: Path, bands: int, bits: int, caplog: pytest.LogCaptureFixture
) -> None:
    facts = look(tmp_path / "a.tif", tiff(bands, bits))
    assert facts.damage.tolist() == [NOT_DECODED]
    assert facts.why_not == {0: f"{bands} bands"}


def big_tiff(order: str, bands: int) -> bytes:
    """Return an uncompressed BigTIFF of 8 x 4 pixels."""
    pixels = bytes(8 * 4 * bands)
    values = {256: 8, 257: 4, 258: 8, 259: 1, 262: 1, 277: bands, 278: 4}
    start = 16 + 8 + 20 * (len(values) + 2) + 8
    values |= {273: start, 279: len(pixels)}
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HHHQQ", 43, 8, 0, 16, 9)
    entries = (struct.pack(f"{order}HHQQ", tag, 16, 1, values[tag]) for tag in sorted(values))
    return head + b"".join(entries) + bytes(8) + pixels


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("bands", [1, 3, 5])
def test_a_big_tiff_is_sound_exactly_where_opencv_decodes_it(
    tmp_path: Path, order: str, bands: int
) -> None:
    facts = look(tmp_path / "a.tif", big_tiff(order, bands))
    read = cv2.imread(str(tmp_path / "a.tif"), cv2.IMREAD_COLOR)

    assert (facts.damage.tolist() == [SOUND]) == (read is not None)


@pytest.mark.parametrize("ending", ["GIF", "AVIF"])
def test_a_damaged_file_of_a_format_that_some_opencv_read_is_not_sound(
    tmp_path: Path, ending: str
) -> None:
    whole = BytesIO()
    Image.effect_noise((64, 48), 60).convert("RGB").save(whole, ending)
    content = whole.getvalue()

    assert look(tmp_path / "a", content).damage.tolist() == [SOUND]
    assert look(tmp_path / "b", content[:200]).damage.tolist() != [SOUND]


def test_pillow_says_nothing_of_its_own_on_stderr() -> None:
    assert any(isinstance(h, logging.NullHandler) for h in logging.getLogger("PIL").handlers)


@pytest.mark.parametrize("format_", ["TIFF", "AVIF", "WEBP", "JPEG", "PNG"])
@pytest.mark.parametrize("turned", [1, 3, 6])
def test_the_displayed_size_is_that_of_opencv_itself(
    tmp_path: Path, format_: str, turned: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = turned
    stream = BytesIO()
    try:
        pixels = np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8)
        Image.fromarray(pixels).save(stream, format_, exif=exif)
    except (KeyError, OSError):
        pytest.skip(f"this Pillow writes no {format_}")
    image = cv2.imdecode(np.frombuffer(stream.getvalue(), np.uint8), cv2.IMREAD_COLOR)
    facts = look(tmp_path / "a", stream.getvalue())
    if image is None:
        assert facts.damage.tolist() == [NOT_DECODED]
        return
    assert facts.damage.tolist() == [SOUND]
    assert facts.displayed_size.tolist() == [[image.shape[1], image.shape[0]]]


@pytest.mark.parametrize("brand", [b"heic", b"hevx", b"heis", b"mif1", b"msf1"])
def test_heic_is_named_whatever_its_ending(tmp_path: Path, brand: bytes) -> None:
    content = struct.pack(">I", 24) + b"ftyp" + brand + bytes(40)
    assert look(tmp_path / "a.jpg", content).damage.tolist() == [HEIC]


@pytest.mark.skipif(".avif" not in Image.registered_extensions(), reason="Pillow writes no AVIF")
def test_avif_that_names_its_container_first_is_no_heic(tmp_path: Path) -> None:
    written = BytesIO()
    Image.new("RGB", (64, 48)).save(written, "AVIF")
    content = written.getvalue().replace(b"ftypavif", b"ftypmif1", 1)
    facts = look(tmp_path / "a.avif", content)
    assert facts.damage.tolist() == [SOUND]
    assert facts.size.tolist() == [[64, 48]]


def test_an_image_of_more_pixels_than_opencv_takes_is_too_large(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 40_000, 30_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(header)) + chunk
    content += struct.pack(">I", zlib.crc32(chunk)) + b"\0\0\0\0IEND\xaeB`\x82"
    assert look(tmp_path / "a.png", content).damage.tolist() == [TOO_LARGE]


@pytest.mark.parametrize("compression", ["tiff_lzma", "tiff_deflate", "tiff_lzw", "raw"])
@pytest.mark.parametrize("mode", ["RGB", "I", "F"])
def test_a_tiff_is_sound_exactly_where_opencv_decodes_it(
    tmp_path: Path, compression: str, mode: str
) -> None:
    stream = BytesIO()
    pixels = Image.fromarray(np.zeros((48, 64, 3), np.uint8)).convert("L").convert(mode)
    pixels.save(stream, "TIFF", compression=compression)
    image = cv2.imdecode(np.frombuffer(stream.getvalue(), np.uint8), cv2.IMREAD_COLOR)
    readable = look(tmp_path / "a.tif", stream.getvalue()).damage.tolist() == [SOUND]
    assert readable == (image is not None)


@pytest.mark.parametrize("format_", ["TGA", "PCX", "PPM"])
def test_a_rare_format_is_sound_exactly_where_opencv_decodes_it(
    tmp_path: Path, format_: str
) -> None:
    stream = BytesIO()
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(stream, format_)
    image = cv2.imdecode(np.frombuffer(stream.getvalue(), np.uint8), cv2.IMREAD_COLOR)
    readable = look(tmp_path / "a.png", stream.getvalue()).damage.tolist() == [SOUND]
    assert readable == (image is not None)


def test_of_many_files_of_one_kind_only_a_few_are_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"{number}.tif" for number in range(9)]
    for path in paths:
        path.write_bytes(tiff(5))
    (tmp_path / "good.tif").write_bytes(tiff(1))
    decode, asked = cv2.imdecode, []
    monkeypatch.setattr(cv2, "imdecode", lambda *rest: asked.append(1) or decode(*rest))
    facts = read_headers([*map(str, paths), str(tmp_path / "good.tif")])
    assert facts.damage.tolist() == [NOT_DECODED] * 9 + [SOUND]
    assert len(asked) <= 2 * MOST_ASKED


def test_files_of_one_kind_that_differ_are_all_asked_about(tmp_path: Path) -> None:
    stream = BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(stream, "PPM")
    good, cut = stream.getvalue(), stream.getvalue()[:-150]
    for number in range(6):
        (tmp_path / f"{number}.ppm").write_bytes(cut if number in (1, 4) else good)
    facts = read_headers([str(tmp_path / f"{number}.ppm") for number in range(6)])
    readable = [cv2.imdecode(np.frombuffer(c, np.uint8), 1) is not None for c in (good, cut)]
    expected = [readable[number in (1, 4)] for number in range(6)]
    assert [damage == SOUND for damage in facts.damage.tolist()] == expected
