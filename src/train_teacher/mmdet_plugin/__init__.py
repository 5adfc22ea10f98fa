"""Everything that runs inside MMEngine's training process; a generated config imports it by name.

Importing it makes mmcv-lite sufficient and registers our detector, language model, runner and
hooks.
"""

from train_teacher.mmdet_plugin import mmcv_ops

mmcv_ops.install()

# ruff: noqa: E402 - mmdet needs mmcv's ops when it is imported
from train_teacher.mmdet_plugin import runner
from train_teacher.mmdet_plugin.accelerated import head
from train_teacher.mmdet_plugin.checkpoints import hook as checkpoint_hook
from train_teacher.mmdet_plugin.loop import (
    early_stopping,
    not_finite,
    optimizer_groups,
    stages,
    stopping,
    train_loop,
)
from train_teacher.mmdet_plugin.model import detector, language_model
from train_teacher.mmdet_plugin.reporting import hooks, metrics_file
from train_teacher.mmdet_plugin.samples import load_image, mix_up, random_prompts, repeatable
from train_teacher.mmdet_plugin.startup import hook as startup_hook
from train_teacher.mmdet_plugin.startup import prompt_check
from train_teacher.mmdet_plugin.validation import metric, shape_order

__all__ = [
    "checkpoint_hook",
    "detector",
    "early_stopping",
    "head",
    "hooks",
    "language_model",
    "load_image",
    "metric",
    "metrics_file",
    "mix_up",
    "mmcv_ops",
    "not_finite",
    "optimizer_groups",
    "prompt_check",
    "random_prompts",
    "repeatable",
    "runner",
    "shape_order",
    "stages",
    "startup_hook",
    "stopping",
    "train_loop",
]
