"""The demo model, built from its preset, for tests that need a real detector."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from train_teacher.config import merge
from train_teacher.config.generate import generate_mmdet_config
from train_teacher.inspection.facts import DatasetInfo, PromptInfo, SizeInfo, SplitInfo, TrainedInfo
from train_teacher.settings import yaml_files
from train_teacher.settings.layers import SettingsLayer, merge_settings
from train_teacher.settings.schema import TeacherSettings


def make_info(
    class_names: tuple[str, ...] = ("red circle", "blue square"), train_images: int = 70
) -> DatasetInfo:
    """Return facts of a small data set that is not on disk."""
    splits = tuple(
        SplitInfo(
            name=name,
            path=f"/run/data/{name}.json",
            image_dir="/images",
            num_images=images,
            num_annotations=2 * images,
            num_boxes=2 * images,
            boxes_per_class=(images,) * len(class_names),
            num_empty_images=0,
        )
        for name, images in (("train", train_images), ("val", 15), ("test", 15))
    )
    return DatasetInfo(
        path="data.json",
        exporter=None,
        data_root="/",
        image_dir="/images",
        num_images=100,
        num_annotations=200,
        num_classes=len(class_names),
        class_names=class_names,
        has_boxes=True,
        has_masks=False,
        splits=splits,
        prompt=PromptInfo("red circle. blue square. ", 8, 256, True),
        findings=(),
        trained=TrainedInfo(100, 200, {}),
        sizes=SizeInfo(160, 200, 160, 176, 160, 2.0, 4, 40.0),
    )


def make_settings(model: str = "demo", **values: Any) -> TeacherSettings:
    """Return settings of a preset as `plan_training` resolves them."""
    preset = yaml_files.read_preset(model)
    resolved = {"weights": "none", "precision": "fp32", "workers": 0, **values}
    run = SettingsLayer("test", {"data": "data.json", "output": "/run", **resolved})
    return merge_settings([preset, run])


def build_config(settings: TeacherSettings, info: DatasetInfo | None = None) -> Any:
    """Return the complete config of a run."""
    return merge.build_config(generate_mmdet_config(info or make_info(), settings))


def build_model(settings: TeacherSettings, info: DatasetInfo | None = None) -> Any:
    """Build the detector of a run on CPU."""
    importlib.import_module("train_teacher.mmdet_plugin")
    from mmdet.registry import MODELS
    from mmdet.utils import register_all_modules

    register_all_modules(init_default_scope=True)
    model = MODELS.build(build_config(settings, info).model)
    # As the Runner does: some parameters are whatever their memory held until then.
    if not any(parameter.is_meta for parameter in model.parameters()):
        model.init_weights()
    return model


def demo_batch(model: Any, boxes: int = 2, size: int = 160) -> tuple[Any, Any]:
    """Return inputs and data samples of two square images with some boxes each."""
    import torch
    from mmdet.structures import DetDataSample
    from mmengine.structures import InstanceData

    samples = []
    for _ in range(2):
        sample = DetDataSample(
            metainfo={
                "img_shape": (size, size),
                "ori_shape": (size, size),
                "batch_input_shape": (size, size),
                "scale_factor": (1.0, 1.0),
                "img_id": 1,
                "text": ("red circle", "blue square"),
                "custom_entities": True,
            }
        )
        corners = torch.rand(boxes, 2) * 80
        sample.gt_instances = InstanceData(
            bboxes=torch.cat([corners, corners + 40], dim=1),
            labels=torch.arange(boxes) % 2,
        )
        samples.append(sample)
    return torch.rand(2, 3, size, size), samples


DEMO_BASE: Path = yaml_files.configs_folder() / "demo" / "demo_base.pth"
