"""A teacher as an ONNX file for its classes, checked against the teacher when written."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.errors import UserError
from train_teacher.runs.folder import CARD
from train_teacher.teachers.card import Caption, TeacherCard, card_text
from train_teacher.teachers.hub_bundle import (
    DETECT,
    HubBundle,
    config_of,
    detect_text,
    with_captions,
)
from train_teacher.teachers.hub_comparison import choosing, read_outputs

if TYPE_CHECKING:
    from train_teacher.teachers.onnx_detect import Detector

WEIGHTS = "model.onnx"
COARSEST = 64
"""Pixels of a point of the last level, in every preset: levels of the canvas are whole."""
TOLERANCE = 1e-3
"""Of boxes, in shares of the image, and of scores."""


def require_packages() -> None:
    """Check that the packages of the extra are installed.

    Raises:
        UserError: they are not.
    """
    missing = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise UserError(
            f"ONNX needs {' and '.join(missing)}, not installed here: "
            "pip install 'train-teacher[onnx]'"
        )


def canvas_of(sizes: Iterable[tuple[int, int]], scale: list[int]) -> tuple[int, int]:
    """Return height and width of a canvas for images of all these sizes, resized for validation."""
    resized = []
    for sides in sizes:
        factor = min(max(scale) / max(sides), min(scale) / min(sides))
        resized.append([int(side * factor) for side in sides])  # as MMDetection rounds
    height, width = (COARSEST * -(-max(side) // COARSEST) for side in zip(*resized, strict=True))
    return height, width


def fill_onnx_bundle(folder: Path, bundle: HubBundle, canvas: tuple[int, int]) -> TeacherCard:
    """Write a bundle and compare what onnxruntime computes with the teacher.

    Raises:
        UserError: the classes need several prompts, transformers' class, which the graph is made
            from, cannot hold the model, or the file computes something else.
    """
    import onnx

    from train_teacher.mmdet_plugin.lora.adapters import merge_adapters
    from train_teacher.mmdet_plugin.model.baked_detector import BakedDetector, write_graph
    from train_teacher.teachers.onnx_detect import Detector

    merge_adapters(bundle.detector)
    config, card = config_of(bundle), with_captions(bundle)
    caption, *others = card.captions or []
    if others:
        raise UserError(
            f"{len(card.class_names)} classes need {len(others) + 1} prompts of at most 256 "
            "tokens, and an ONNX file holds one. Shorten their phrases (--class-prompt), or export "
            "with --format transformers, which asks all prompts."
        )
    card = msgspec.structs.replace(card, canvas=list(canvas))
    baked = BakedDetector(bundle.detector, config, caption.text, caption.tokens)
    write_graph(folder / WEIGHTS, baked, canvas)
    model = onnx.load(folder / WEIGHTS)
    onnx.helper.set_model_props(model, {"classes": msgspec.json.encode(card.class_names).decode()})
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[0].dim_value = int(config["num_queries"])
    onnx.save(model, folder / WEIGHTS)
    write_atomically(folder / DETECT, detect_text(inspect.getsource(Detector)))
    write_atomically(folder / CARD, card_text(card))
    _require_equal(folder, bundle, model, caption, baked.canvas.strides)
    return card


def _require_equal(
    folder: Path, bundle: HubBundle, model: Any, caption: Caption, strides: list[int]
) -> None:
    import onnx
    import onnxruntime
    from PIL import Image

    helper = onnx_detect_of(folder)
    points = next(node.input[0] for node in model.graph.node if node.op_type == "TopK")
    shown = onnx.helper.make_tensor_value_info(points, onnx.TensorProto.FLOAT, None)
    model.graph.output.append(shown)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    for path in bundle.images:
        with Image.open(path) as image:
            pixels = helper.resized(image)
        boxes, scores, points = session.run(None, helper.inputs(pixels))
        there = _points_of(points, helper.canvas, pixels.shape[:2], strides)
        differences = _differences(bundle, pixels, [boxes, scores, there], caption)
        largest, where = max((value, name) for name, value in differences.items())
        # Written so that NaN fails too.
        if not all(value <= TOLERANCE for value in differences.values()):
            raise UserError(
                f"onnxruntime computes something else than the teacher: {where} differ by "
                f"{largest:.2g} (at most {TOLERANCE:g}) in {path}. Nothing was exported; "
                "--format mmdet and --format transformers do not go through ONNX."
            )


def onnx_detect_of(folder: Path) -> Detector:
    """Return the detector of a bundle.

    Raises:
        UserError: the extra is not installed, or a file is damaged.
    """
    require_packages()
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidProtobuf, NoSuchFile

    from train_teacher.teachers.onnx_detect import Detector

    try:
        return Detector(folder)
    except (Fail, InvalidProtobuf, NoSuchFile) as error:
        raise UserError(f"{folder / WEIGHTS}: is missing or damaged: {error}.") from error


def _points_of(points: Any, canvas: list[int], sides: tuple[int, int], strides: list[int]) -> Any:
    """Return (1, points) of an image alone, from those of the canvas that it is on."""
    found, start = [], 0
    for stride in strides:
        rows, columns = canvas[0] // stride, canvas[1] // stride
        level = points[0, start : start + rows * columns].reshape(rows, columns)
        found.append(level[: -(-sides[0] // stride), : -(-sides[1] // stride)].ravel())
        start += rows * columns
    return np.concatenate(found)[None]


def _differences(
    bundle: HubBundle, image: Any, found: list[Any], caption: Caption
) -> dict[str, float]:
    """Return the largest differences of an image's outputs, by name.

    The teacher takes the file's points as queries, where two of its own nearly tie.
    """
    import torch

    from train_teacher.mmdet_plugin.model.baked_detector import class_means, corners

    detector, images = bundle.detector, bundle.detector.data_preprocessor
    pixels = torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32))[None]
    boxes, scores, points = (torch.from_numpy(values) for values in found)
    first_stage = detector.bbox_head.cls_branches[detector.decoder.num_layers]
    # Of equal ones onnxruntime takes the first; PyTorch promises nothing.
    ranks = points.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    with choosing(first_stage, points, -ranks.float()) as proposals:
        logits, own_boxes = read_outputs(
            detector, (pixels - images.mean) / images.std, caption.text, image.shape[:2]
        )
    means = class_means(caption.tokens, max(map(max, caption.tokens)) + 1)
    own_scores = logits[0, :, : len(means)].sigmoid() @ means
    return {
        "proposals": proposals[0],
        "scores": float((own_scores - scores).abs().max()),
        "boxes": float((corners(own_boxes[0]) - boxes).abs().max()),
    }
