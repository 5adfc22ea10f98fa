"""Masks by a SAM model of transformers: a tiny one, made here, with random weights."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as run_lengths

from tiny_sam import write_tiny_sam
from train_teacher.core.errors import UserError
from train_teacher.teachers.sam_masks import BOXES_AT_ONCE, SamMasks


@pytest.fixture(scope="module")
def sam(tmp_path_factory: pytest.TempPathFactory) -> SamMasks:
    return SamMasks(str(write_tiny_sam(tmp_path_factory.mktemp("sam"))), "cpu")


def boxes(count: int) -> np.ndarray:
    corner = np.linspace(0, 40, count)
    return np.stack([corner, corner, corner + 30, corner + 20], axis=1)


def test_every_box_gets_a_mask_of_the_images_size(sam: SamMasks, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.effect_noise((90, 70), 60).convert("RGB").save(path)
    found = sam.segment(path, boxes(BOXES_AT_ONCE + 3))
    assert len(found) == BOXES_AT_ONCE + 3
    assert {tuple(mask["size"]) for mask in found} == {(70, 90)}
    coded = {**found[0], "counts": found[0]["counts"].encode()}
    assert run_lengths.decode(coded).shape == (70, 90)
    # A mask depends on its own box alone, not on those that went through with it.
    assert sam.segment(path, boxes(BOXES_AT_ONCE + 3)[-1:]) == found[-1:]
    assert sam.segment(path, boxes(0)) == []


def test_a_photo_is_turned_as_the_boxes_are(sam: SamMasks, tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.effect_noise((90, 70), 60).convert("RGB").save(path, exif=exif)
    assert sam.segment(path, boxes(1))[0]["size"] == [90, 70]
    assert sam.segment(path, boxes(1), turned=False)[0]["size"] == [70, 90]


def test_what_is_no_model_is_named(sam: SamMasks, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--masks .*no SAM model could be loaded.*config\.json"):
        SamMasks(str(tmp_path), "cpu")
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"bad\.jpg: the image cannot be read"):
        sam.segment(tmp_path / "bad.jpg", boxes(1))
