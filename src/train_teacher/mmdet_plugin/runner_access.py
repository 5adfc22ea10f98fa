"""The model and the log of a Runner, as every hook needs them."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from mmengine.dist import is_main_process
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from train_teacher.core.terminal_text import plain

JOINED = "joined_after_epoch"
"""In the message hub, and so in checkpoints."""


def joined_after(runner: Runner) -> int | None:
    """Return the epoch after which parts joined the training, None as long as they wait."""
    hub = runner.message_hub
    return int(hub.get_info(JOINED)) if JOINED in hub.runtime_info else None


def say(runner: Runner, text: str) -> None:
    """Write a message to the log and, from the first process, to the terminal."""
    runner.logger.info(text)
    if is_main_process():
        print(plain(text), file=sys.stderr, flush=True)  # noqa: T201 - this is the terminal output


def all_joined(model: Any) -> AbstractContextManager[None]:
    """Let a detector be for a while what it is once every part has joined the training."""
    joined: Any = getattr(model, "all_joined", nullcontext)
    return joined()  # type: ignore[no-any-return]


def unwrapped(runner: Runner) -> nn.Module:
    """Return the detector itself, without the wrapper of distributed training."""
    model: nn.Module = runner.model.module if is_model_wrapper(runner.model) else runner.model
    return model
