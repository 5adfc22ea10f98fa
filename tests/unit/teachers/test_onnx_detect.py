"""The file beside an ONNX model, which needs nothing of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from train_teacher.teachers.hub_bundle import HubBundle
from train_teacher.teachers.onnx_detect import Detector


def test_detect_py_needs_onnxruntime_numpy_and_pillow_alone(
    exported: tuple[HubBundle, Path],
) -> None:
    bundle, out = exported
    assert len((out / "detect.py").read_text().splitlines()) <= 130
    code = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'mmdet', 'train_teacher', 'onnx'):\n"
        "    sys.modules[name] = None\n"
        "from detect import Detector\n"
        "from PIL import Image\n"
        "boxes, labels, scores = Detector('.')(Image.open(sys.argv[1]), threshold=0.001)\n"
        "print(boxes.shape, labels.shape, scores.max())\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(bundle.images[0])],
        cwd=out, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


def test_an_image_too_large_for_the_canvas_is_made_smaller(
    exported: tuple[HubBundle, Path],
) -> None:
    _, out = exported
    tall = Image.fromarray(np.zeros((400, 50, 3), np.uint8))
    wide = Image.fromarray(np.zeros((300, 300, 3), np.uint8))
    helper = Detector(out)
    assert helper.resized(tall).shape[:2] == (160, 20)
    assert helper.resized(wide).shape[:2] == (160, 160)
    helper.canvas = [120, 200]
    assert helper.resized(wide).shape[:2] == (120, 120)
