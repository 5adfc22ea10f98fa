"""The official recipe and ours with random weights, for the benchmarks beside this file."""

from __future__ import annotations

import argparse
import importlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

RECIPE = "mm_grounding_dino/grounding_dino_swin-t_finetune_8xb4_20e_cat.py"
WITHOUT = "-without-"
"""Between a tuning mode and one rewrite that is left out (ablation.py)."""
WITH_TF32 = ("frozen", "lora")
"""As `train-teacher` has it; all others keep PyTorch's default, as their own tools do."""


class RecomputedLayer(nn.Module):
    """Stands in for fairscale's wrapper in the stock model."""

    def __init__(self, layer: nn.Module) -> None:
        """Wrap a layer."""
        super().__init__()
        self.layer = layer

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the layer, keeping its inputs only."""
        from torch.utils.checkpoint import checkpoint

        return checkpoint(self.layer, *args, use_reentrant=False, **kwargs)


def class_names(count: int) -> tuple[str, ...]:
    """Return names of the demo vocabulary's words, two to a class."""
    words = (Path(__file__).parents[2] / "configs/demo/language_model/vocab.txt").read_text()
    usable = [w for w in words.split() if w.isalpha() and len(w) > 2]
    pairs = ((a, b) for a in usable for b in usable if a != b)
    return tuple(f"{a} {b}" for _, (a, b) in zip(range(count), pairs, strict=False))


def dataset_info(names: tuple[str, ...], boxes: int) -> Any:
    """Return the facts of a data set that is not on disk."""
    from train_teacher.inspection import facts

    splits = tuple(
        facts.SplitInfo(name, f"{name}.json", "images", 100, 100, 100, (100,) * len(names), 0)
        for name in ("train", "val", "test")
    )
    return facts.DatasetInfo(
        path="data.json",
        exporter=None,
        data_root=".",
        image_dir="images",
        num_images=300,
        num_annotations=300,
        num_classes=len(names),
        class_names=names,
        has_boxes=True,
        has_masks=False,
        splits=splits,
        prompt=facts.PromptInfo("", 0, 256, True),
        findings=(),
        trained=facts.TrainedInfo(300, 300, {}),
        sizes=facts.SizeInfo(512, 512, 512, 512, 512, float(boxes), boxes, 64.0),
    )


def our_config(mode: str, options: argparse.Namespace, bert: Path) -> Any:
    """Return the config that `train-teacher --model --tune` generates."""
    from train_teacher.config import merge
    from train_teacher.config.generate import generate_mmdet_config
    from train_teacher.settings import yaml_files
    from train_teacher.settings.layers import SettingsLayer, merge_settings

    values = {
        "data": "data.json",
        "output": "run",
        "tune": mode.partition("-")[0],
        "accelerated": "-plain" not in mode,
        "weights": "none",
        "language_model": str(bert),
        "precision": options.precision,
        "workers": 0,
        "batch_size": options.batch,
        "accumulation": 1,  # as the recipe has it
    }
    layers = [yaml_files.read_preset(options.model), SettingsLayer("benchmark", values)]
    info = dataset_info(options.names, options.boxes)
    config = merge.build_config(generate_mmdet_config(info, merge_settings(layers)))
    config.model.language_model.own_weights = "never"
    config.model.checkpoint_layers = options.checkpoint_layers
    left_out = mode.partition(WITHOUT)[2]
    if left_out == "optimizer":
        config.optim_wrapper.constructor = "DefaultOptimWrapperConstructor"
    # What `geometry` hands on only our deformable attention can read.
    needs = {left_out, "geometry"} if left_out == "deformable_attention" else {left_out}
    config.model.accelerated = [n for n in config.model.accelerated if n not in needs]
    return config


def stock_config(options: argparse.Namespace, bert: Path) -> Any:
    """Return the official recipe with a BERT that needs no download."""
    from mmengine.config import Config

    from train_teacher.config.merge import find_base_config
    from train_teacher.settings import yaml_files

    config = Config.fromfile(find_base_config(RECIPE))
    preset = yaml_files.read_preset(options.model).values
    config.merge_from_dict(dict(preset.get("architecture", {})))
    # The demo has fewer queries than the 300 boxes that the recipe keeps.
    config.model.test_cfg.max_per_img = preset.get("max_per_img", config.model.test_cfg.max_per_img)
    config.model.language_model.update(
        type="ConfiguredBertModel", name=str(bert), own_weights="never", cache_text=False
    )
    config.model.backbone.init_cfg = None
    config.model.encoder.num_cp = 0  # RecomputedLayer does it
    config.model.bbox_head.num_classes = 256
    if options.precision != "fp32":
        names = {"bf16": "bfloat16", "fp16": "float16"}
        config.optim_wrapper.update(type="AmpOptimWrapper", dtype=names[options.precision])
    return config


def write_bert(folder: Path, model: str = "swin-t") -> Path:
    """Write the demo's vocabulary, and the config of its BERT or else of BERT-base."""
    from transformers import BertConfig

    shutil.copytree(Path(__file__).parents[2] / "configs/demo/language_model", folder)
    if model != "demo":
        BertConfig().save_pretrained(folder)
    return folder


def prepare_upstream() -> None:
    """Register everything."""
    importlib.import_module("train_teacher.mmdet_plugin")
    from mmdet.utils import register_all_modules
    from mmengine.logging import MMLogger

    register_all_modules(init_default_scope=True)
    MMLogger.get_instance("benchmark", log_level="ERROR")


@contextmanager
def matrix_products(mode: str, device: str) -> Iterator[None]:
    """Compute 32-bit matrix products as the mode's own tool does: the switch is the process's."""
    if device != "cuda":
        yield
        return
    from train_teacher.mmdet_plugin.accelerated.precision import allow_tf32

    before = torch.get_float32_matmul_precision()
    if mode in WITH_TF32:
        allow_tf32()
    else:
        torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def backends(device: str) -> str:
    """Say what computes deformable attention and 32-bit matrix products, stock's and ours."""
    from train_teacher.mmdet_plugin import mmcv_ops
    from train_teacher.mmdet_plugin.accelerated.deformable_attention import backend_for

    compiled = device == "cuda" and mmcv_ops.install() == "compiled"
    stock = "mmcv's compiled op" if compiled else "mmcv's PyTorch path"
    ours = backend_for(torch.device(device)).name
    words = f"deformable attention: stock and -plain {stock}, ours {ours}"
    if device != "cuda":
        return words
    return f"{words}; TF32: {' and '.join(WITH_TF32)}, off for all others (PyTorch's default)"
