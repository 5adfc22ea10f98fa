from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from coco_factory import image, make_coco
from train_teacher.coco.dataset import CocoDataset
from train_teacher.coco.reader import read_coco
from train_teacher.images.equal_files import compare_contents
from train_teacher.images.facts import ImageFiles
from train_teacher.images.files import check_image_files


def scene(seed: int) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((64, 48), Image.Resampling.BICUBIC)


def loaded(folder: Path, count: int) -> tuple[CocoDataset, ImageFiles]:
    records = [image(n) for n in range(1, count + 1)]
    file = make_coco(folder, images=records, annotations=[], write_images=False)
    dataset = read_coco(file)
    return dataset, check_image_files(dataset, folder)


def test_equal_contents_are_found_over_all_data_sets(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    scene(1).save(tmp_path / "a" / "1.jpg")
    scene(2).save(tmp_path / "a" / "2.jpg")
    scene(1).save(tmp_path / "b" / "1.jpg")
    scene(3).save(tmp_path / "b" / "2.jpg")

    first, second = compare_contents([loaded(tmp_path / "a", 2), loaded(tmp_path / "b", 2)])

    assert list(first.contents) == list(second.contents) == [0]
    assert first.contents[0] == second.contents[0]


def test_equal_ends_with_another_middle_are_not_equal_contents(tmp_path: Path) -> None:
    content = bytearray(scene(1).resize((400, 300)).tobytes())
    (tmp_path / "1.jpg").write_bytes(content)
    content[5000] ^= 1
    (tmp_path / "2.jpg").write_bytes(content)

    (files,) = compare_contents([loaded(tmp_path, 2)])

    assert files.contents[0] != files.contents[1]


def test_one_file_named_twice_and_unchecked_files_are_not_read(tmp_path: Path) -> None:
    scene(1).save(tmp_path / "1.jpg")
    file = make_coco(
        tmp_path, images=[image(1), image(2, "1.jpg")], annotations=[], write_images=False
    )
    dataset = read_coco(file)
    files = check_image_files(dataset, tmp_path)

    (compared,) = compare_contents([(dataset, files)])
    (unchecked,) = compare_contents([(dataset, replace(files, facts=None))])

    assert compared.contents == {}
    assert unchecked.contents == {}
