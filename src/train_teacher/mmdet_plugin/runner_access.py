"""The model and the log of a Runner, as every hook needs them."""

from __future__ import annotations

import sys

from mmengine.dist import is_main_process
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from train_teacher.core.terminal_text import plain


def say(runner: Runner, text: str) -> None:
    """Write a message to the log and, from the first process, to the terminal."""
    runner.logger.info(text)
    if is_main_process():
        print(plain(text), file=sys.stderr, flush=True)  # noqa: T201 - this is the terminal output


def unwrapped(runner: Runner) -> nn.Module:
    """Return the detector itself, without the wrapper of distributed training."""
    model: nn.Module = runner.model.module if is_model_wrapper(runner.model) else runner.model
    return model
