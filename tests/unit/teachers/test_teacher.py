"""`Teacher` in Python: the same boxes from the bundle for transformers as from its detector."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import train_teacher
from hub_model import CLASSES, exported
from train_teacher.core.errors import UsageError, UserError


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[train_teacher.Teacher, Path]:
    folder = tmp_path_factory.mktemp("teacher")
    bundle, out = exported(folder)
    return train_teacher.Teacher.load(out, device="cpu"), bundle.images[0]


def test_files_arrays_and_pillow_images_give_the_same_boxes(
    loaded: tuple[train_teacher.Teacher, Path],
) -> None:
    teacher, path = loaded
    image = Image.open(path)
    found = teacher.predict([path, str(path), image, np.asarray(image)], threshold=0.0)
    assert len(found) == 4
    first = found[0]
    assert len(first.scores) > 5
    assert (first.boxes.dtype, first.labels.dtype, first.scores.dtype) == (
        np.float32, np.int64, np.float32)  # fmt: skip
    assert first.boxes.shape == (len(first.scores), 4)
    assert (np.diff(first.scores) <= 0).all()
    for other in found[1:]:
        assert np.allclose(other.scores, first.scores, atol=1e-5)
        assert np.allclose(other.boxes, first.boxes, atol=1e-2)


def test_it_knows_its_classes_and_reads_others(loaded: tuple[train_teacher.Teacher, Path]) -> None:
    teacher, path = loaded
    assert teacher.class_names == CLASSES
    (found,) = teacher.predict([path], classes=["table"], threshold=0.0)
    assert set(found.labels.tolist()) == {0}
    (none,) = teacher.predict([path], threshold=1.1)
    assert none.boxes.shape == (0, 4)


def test_a_precision_is_of_its_own_classes_and_of_what_validation_told(
    loaded: tuple[train_teacher.Teacher, Path],
) -> None:
    teacher, path = loaded
    with pytest.raises(UsageError, match="own classes and thresholds"):
        teacher.predict([path], classes=["table"], precision=0.9)
    with pytest.raises(UserError, match="does not hold the counts of right boxes"):
        teacher.predict([path], precision=0.9)


def test_what_is_no_image_is_one_message(loaded: tuple[train_teacher.Teacher, Path]) -> None:
    teacher, path = loaded
    with pytest.raises(UsageError, match=r"shape \(3, 3\) and type float64"):
        teacher.predict([np.zeros((3, 3))])
    with pytest.raises(UsageError, match="a list of images"):
        teacher.predict(str(path))
    with pytest.raises(UserError, match="cannot be read"):
        teacher.predict([path.with_name("none.png")])


def test_importing_the_package_loads_no_torch() -> None:
    code = "import sys, train_teacher; train_teacher.__version__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_model_of_transformers_alone_is_told_from_a_bundle_with_what_can_be_done(
    tmp_path: Path,
) -> None:
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(UserError, match="does not say which classes it was trained on") as told:
        train_teacher.Teacher.load(tmp_path)
    assert f"teacher evaluate --model PRESET --weights {tmp_path} --data FILE" in str(told.value)
