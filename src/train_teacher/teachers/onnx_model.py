"""An ONNX bundle with the same interface as every other teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from train_teacher.core.errors import UserError
from train_teacher.images.tiles import tiling_of
from train_teacher.settings.schema import TeacherSettings
from train_teacher.teachers.card import TeacherCard
from train_teacher.teachers.model import TeacherModel, pipeline_of, unlabelled
from train_teacher.teachers.onnx_bundle import onnx_detect_of

if TYPE_CHECKING:
    from train_teacher.teachers.onnx_detect import Detector


class OnnxDetector:
    """The interface of MMDetection's detector, answered by onnxruntime on the CPU."""

    def __init__(self, helper: Detector, class_names: Sequence[str]) -> None:
        """Take a bundle's detector, and its fixed phrases."""
        self._helper, self._class_names = helper, tuple(class_names)
        self.test_cfg = {"max_per_img": helper.most}

    def check_prompts(self, class_names: Sequence[str], *, one_prompt: bool) -> None:
        """Refuse other classes than its own.

        Raises:
            UserError: others are asked for.
        """
        if tuple(class_names) != self._class_names:
            raise UserError(
                "an ONNX file finds the classes it was exported with, and no others: "
                f"{', '.join(self._class_names)}. Use the run, or its bundle of another format."
            )

    def test_step(self, batch: Mapping[str, Sequence[Any]]) -> list[Any]:
        """Return the samples of a batch with the detections in each.

        Raises:
            UserError: an image is larger than the canvas of the file.
        """
        import torch
        from mmengine.structures import InstanceData

        for pixels, sample in zip(batch["inputs"], batch["data_samples"], strict=True):
            image = pixels.numpy()[::-1].transpose(1, 2, 0)  # BGR, as a file is read
            most = self._helper.canvas
            if image.shape[0] > most[0] or image.shape[1] > most[1]:
                raise UserError(
                    f"{sample.img_path}: has {image.shape[:2]} pixels (height, width) when "
                    f"resized, and the ONNX file takes {tuple(most)}. Export "
                    "--format transformers, which takes all sizes; detect.py beside the file "
                    "makes such images smaller."
                )
            boxes, labels, scores = self._helper.detect(image)
            height, width = sample.ori_shape[:2]
            sample.pred_instances = InstanceData(
                bboxes=torch.from_numpy(boxes * np.array([width, height] * 2, np.float32)),
                labels=torch.from_numpy(labels),
                scores=torch.from_numpy(scores),
            )
        return list(batch["data_samples"])


def load_onnx(folder: Path, card: TeacherCard, settings: TeacherSettings) -> TeacherModel:
    """Open the teacher of an ONNX bundle.

    Raises:
        UserError: the extra is not installed, or a file is missing or damaged.
    """
    from mmdet.utils import register_all_modules

    import train_teacher.mmdet_plugin  # noqa: F401 - registers the transforms

    register_all_modules(init_default_scope=True)
    detector = OnnxDetector(onnx_detect_of(folder), card.class_names)
    tiling = tiling_of(settings.tile, settings.overlap)
    return TeacherModel(detector, unlabelled(pipeline_of(settings)), 1, tiling)
