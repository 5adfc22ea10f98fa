"""What lives inside the training process; the generated config names it in `custom_imports`.

Importing it makes mmcv-lite enough and registers our detector, language model, runner and hooks.
"""

from train_teacher.mmdet_plugin import mmcv_ops

mmcv_ops.install()

from train_teacher.mmdet_plugin import (  # noqa: E402 - mmdet needs mmcv's ops at import
    bad_values,
    checkpointing,
    detector,
    grounding_head,
    hooks,
    image_loading,
    language_model,
    metrics_file,
    optim,
    predictions,
    probe_hook,
    prompt_check,
    random_prompts,
    repeatable,
    runner,
    stopping,
    train_loop,
    validation_order,
)

__all__ = [
    "bad_values",
    "checkpointing",
    "detector",
    "grounding_head",
    "hooks",
    "image_loading",
    "language_model",
    "metrics_file",
    "mmcv_ops",
    "optim",
    "predictions",
    "probe_hook",
    "prompt_check",
    "random_prompts",
    "repeatable",
    "runner",
    "stopping",
    "train_loop",
    "validation_order",
]
