"""An ONNX bundle: compared when written, refused where it differs, read by other runtimes."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copyfile

import numpy as np
import onnx
import pytest
from PIL import Image

from hub_model import CANVAS, small_bundle
from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.model import baked_detector
from train_teacher.teachers import onnx_bundle
from train_teacher.teachers.hub_bundle import HubBundle
from train_teacher.teachers.onnx_bundle import canvas_of, fill_onnx_bundle
from train_teacher.teachers.onnx_detect import Detector


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
        baked_detector,
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
    assert canvas_of([(480, 640)], [800, 1333]) == (832, 1088)
    assert canvas_of([(480, 640), (640, 480)], [800, 1333]) == (1088, 1088)
    assert canvas_of([(100, 1000)], [800, 1333]) == (192, 1344)
