from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from coco_factory import image, make_coco
from train_teacher.coco.dataset import CocoDataset
from train_teacher.coco.reader import read_coco
from train_teacher.images import decoding
from train_teacher.images.decoding import decode_images
from train_teacher.images.facts import ImageFiles
from train_teacher.images.files import check_image_files
from train_teacher.images.near_duplicates import count_bits


def scene(seed: int) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((64, 48), Image.Resampling.BICUBIC)


def loaded(folder: Path, count: int) -> tuple[CocoDataset, ImageFiles]:
    records = [image(n) for n in range(1, count + 1)]
    file = make_coco(folder, images=records, annotations=[], write_images=False)
    dataset = read_coco(file)
    return dataset, check_image_files(dataset, folder)


def _nothing_is_left(paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    assert not paths
    return iter(())


def test_images_are_decoded_in_processes_and_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene(1).save(tmp_path / "1.jpg", quality=95)
    scene(1).resize((32, 24)).save(tmp_path / "2.jpg", quality=70)
    scene(2).save(tmp_path / "3.jpg")
    Image.new("RGB", (64, 48), (9, 9, 9)).save(tmp_path / "4.jpg")
    # A broken scan with an end marker: only decoding shows it.
    (tmp_path / "5.jpg").write_bytes((tmp_path / "1.jpg").read_bytes()[:170] + b"\xff\xd9")
    dataset, files = loaded(tmp_path, 6)
    calls: list[tuple[int, int]] = []
    cache = tmp_path / "cache" / "images.sqlite"

    decoded = decode_images(
        dataset, files, progress=lambda *c: calls.append(c), cache=cache
    ).decoded

    assert decoded is not None
    assert decoded.looked.tolist() == [True, True, True, True, True, False]
    assert decoded.readable.tolist() == [True, True, True, True, False, False]
    assert calls[-1] == (5, 5)
    assert count_bits(decoded.hashes[:1] ^ decoded.hashes[1:2])[0] <= 4
    assert count_bits(decoded.hashes[:1] ^ decoded.hashes[2:3])[0] > 10
    assert decoded.contrast[3] < 1
    assert decoded.brightness[3] == pytest.approx(9, abs=1)
    assert decoded.sharpness[0] > decoded.sharpness[3]

    monkeypatch.setattr(decoding, "_in_processes", _nothing_is_left)
    again = decode_images(dataset, files, cache=cache).decoded
    assert again is not None
    assert again.readable.tolist() == decoded.readable.tolist()
    assert again.hashes.tolist() == decoded.hashes.tolist()


def test_a_changed_file_is_decoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene(1).save(tmp_path / "1.jpg")
    monkeypatch.setattr(
        decoding,
        "_in_processes",
        lambda paths: ((path, decoding.measure_image(path)) for path in paths),
    )
    cache = tmp_path / "images.sqlite"
    dataset, files = loaded(tmp_path, 1)
    first = decode_images(dataset, files, cache=cache).decoded
    scene(2).resize((40, 30)).save(tmp_path / "1.jpg")

    second = decode_images(dataset, files, cache=cache).decoded

    assert first is not None
    assert second is not None
    assert first.hashes[0] != second.hashes[0]


def test_known_damage_and_no_images_are_not_decoded(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(b"")
    dataset, files = loaded(tmp_path, 1)

    decoded = decode_images(dataset, files, cache=tmp_path / "c").decoded
    nowhere = decode_images(dataset, check_image_files(dataset, None), cache=tmp_path / "c")

    assert decoded is not None
    assert not decoded.looked.any()
    assert nowhere.decoded is not None
    assert len(nowhere.decoded.hashes) == 1
