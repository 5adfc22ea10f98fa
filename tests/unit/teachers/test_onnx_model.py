"""An ONNX bundle behind `Teacher`: what detect.py finds, for the classes baked in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from train_teacher import Teacher
from train_teacher.core.errors import UserError
from train_teacher.teachers.hub_bundle import HubBundle
from train_teacher.teachers.onnx_detect import Detector


def test_teacher_and_detect_py_find_the_same_on_an_image_smaller_than_the_canvas(
    exported: tuple[HubBundle, Path],
) -> None:
    bundle, out = exported
    boxes, labels, scores = Detector(out)(Image.open(bundle.images[0]))
    (found,) = Teacher.load(out).predict([bundle.images[0]], threshold=0.0)
    assert len(scores) == 40  # as many as MMDetection's test_cfg says
    assert np.allclose(found.scores, scores, atol=1e-6)
    assert np.allclose(found.boxes, boxes, atol=1e-3)
    assert np.array_equal(found.labels, labels)


def test_other_classes_than_those_baked_in_are_refused(exported: tuple[HubBundle, Path]) -> None:
    bundle, out = exported
    with pytest.raises(UserError, match="red circle, big blue square, cat"):
        Teacher.load(out).predict([bundle.images[0]], classes=["dog"])


def test_an_image_too_large_for_the_canvas_is_refused(exported: tuple[HubBundle, Path]) -> None:
    _, out = exported
    wide = np.zeros((300, 300, 3), np.uint8)
    teacher = Teacher.load(out)
    teacher._opened.model.detector._helper.canvas = [120, 200]
    with pytest.raises(UserError, match=r"has \(160, 160\) pixels.*takes \(120, 200\)"):
        teacher.predict([wide])
