"""An ONNX bundle: compared when written, refused where it differs, read by other runtimes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from shutil import copyfile
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from PIL import Image

from hub_model import bundle_of
from train_teacher import Teacher
from train_teacher.core.errors import UserError
from train_teacher.teachers import onnx_bundle, onnx_graph
from train_teacher.teachers.hub_bundle import HubBundle
from train_teacher.teachers.onnx_bundle import canvas_of, fill_onnx_bundle
from train_teacher.teachers.onnx_detect import Detector

CANVAS = 160, 200
"""Larger than the image, which is 112 x 160 when resized."""


def small_bundle(folder: Path, **options: Any) -> HubBundle:
    bundle = bundle_of(folder, **options)
    images = msgspec.structs.replace(bundle.card.preprocessing, scale=[160, 160])
    return replace(bundle, card=msgspec.structs.replace(bundle.card, preprocessing=images))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[HubBundle, Path]:
    folder = tmp_path_factory.mktemp("onnx")
    bundle = small_bundle(folder)
    (folder / "out").mkdir()
    fill_onnx_bundle(folder / "out", bundle, CANVAS)
    return bundle, folder / "out"


def test_the_file_holds_its_classes_and_no_language_model(
    exported: tuple[HubBundle, Path],
) -> None:
    bundle, out = exported
    model = onnx.load(out / "model.onnx")
    onnx.checker.check_model(model)
    assert [entry.version for entry in model.opset_import if not entry.domain] == [17]
    shapes = {
        value.name: [size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert shapes == {
        "image": [1, 3, *CANVAS], "mask": [1, *CANVAS], "boxes": [40, 4], "scores": [40, 3],
    }  # fmt: skip
    (classes,) = [entry.value for entry in model.metadata_props if entry.key == "classes"]
    assert json.loads(classes) == bundle.card.class_names
    text = [tensor.name for tensor in model.graph.initializer if "text_backbone" in tensor.name]
    assert text == ["twin.model.text_backbone.features"]
    assert json.loads((out / "teacher.json").read_text())["canvas"] == list(CANVAS)


def test_detect_py_needs_onnxruntime_numpy_and_pillow_alone(
    exported: tuple[HubBundle, Path],
) -> None:
    bundle, out = exported
    assert len((out / "detect.py").read_text().splitlines()) <= 60
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


def test_an_image_too_large_for_the_canvas_is_made_smaller_or_refused(
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
    teacher = Teacher.load(out)
    teacher._opened.model.detector._helper.canvas = [120, 200]
    with pytest.raises(UserError, match=r"has \(160, 160\) pixels.*takes \(120, 200\)"):
        teacher.predict([np.asarray(wide)])


def test_other_classes_than_those_baked_in_are_refused(exported: tuple[HubBundle, Path]) -> None:
    bundle, out = exported
    with pytest.raises(UserError, match="red circle, big blue square, cat"):
        Teacher.load(out).predict([bundle.images[0]], classes=["dog"])


def test_openvino_computes_the_same(exported: tuple[HubBundle, Path], tmp_path: Path) -> None:
    import openvino

    bundle, out = exported
    helper = Detector(out)
    inputs = helper.inputs(helper.resized(Image.open(bundle.images[0])))
    model = openvino.Core().read_model(out / "model.onnx")
    openvino.save_model(model, tmp_path / "model.xml", compress_to_fp16=False)
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(tmp_path / "model.xml", "CPU", options)
    theirs = compiled(inputs)
    for name, own in zip(("boxes", "scores"), helper.session.run(None, inputs), strict=True):
        assert np.abs(theirs[name] - own).max() < 1e-3, name


def test_a_file_that_computes_something_else_is_not_exported(
    exported: tuple[HubBundle, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, out = exported
    bundle = small_bundle(tmp_path / "x")
    bundle.detector.decoder.layers[1].ffn.layers[1].weight.data.neg_()
    monkeypatch.setattr(
        onnx_graph,
        "write_graph",
        lambda path, _baked, _canvas: copyfile(out / "model.onnx", path),
    )
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match=r"(boxes|scores) differ by .*a\.png"):
        fill_onnx_bundle(tmp_path / "out", bundle, CANVAS)


def test_classes_beyond_one_prompt_are_refused_with_what_takes_them(tmp_path: Path) -> None:
    classes = tuple(f"class {chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(90))
    with pytest.raises(UserError, match=r"90 classes need 3 prompts.*--format transformers"):
        fill_onnx_bundle(tmp_path, small_bundle(tmp_path / "x", classes=classes), CANVAS)


def test_without_the_extra_one_sentence_has_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_bundle, "find_spec", lambda _name: None)
    with pytest.raises(UserError) as caught:
        onnx_bundle.require_packages()
    assert str(caught.value) == (
        "ONNX needs onnx and onnxruntime, not installed here: pip install 'train-teacher[onnx]'"
    )


def test_a_damaged_file_is_one_message(exported: tuple[HubBundle, Path], tmp_path: Path) -> None:
    _, out = exported
    (tmp_path / "teacher.json").write_bytes((out / "teacher.json").read_bytes())
    (tmp_path / "model.onnx").write_bytes((out / "model.onnx").read_bytes()[:1000])
    with pytest.raises(UserError, match=r"model\.onnx: is missing or damaged"):
        onnx_bundle.onnx_detect_of(tmp_path)


def test_the_canvas_holds_landscape_and_portrait_as_validation_resizes_them() -> None:
    assert canvas_of([(480, 640)], [800, 1333]) == (800, 1066)
    assert canvas_of([(480, 640), (640, 480)], [800, 1333]) == (1066, 1066)
    assert canvas_of([(100, 1000)], [800, 1333]) == (133, 1333)
