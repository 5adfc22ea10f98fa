"""MMEngine's Runner, started on a generated config."""

from __future__ import annotations

import gc
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner
    from torch import nn


def load_config(path: Path) -> Config:
    """Read a config file the way MMDetection's tools do, with its imports."""
    from mmengine.config import Config

    config: Config = Config.fromfile(path)
    # Its text goes into the log and into every checkpoint; making it pretty takes a second each
    # time, and `fromfile` drops the argument that forbids it.
    vars(config)["_format_python_code"] = False
    return config


@contextmanager
def stdout_to_log(log: Path) -> Iterator[None]:
    """Redirect upstream's output, such as pycocotools' tables, to the log."""
    file = log.open("a", encoding="utf-8")
    try:
        with redirect_stdout(file):
            yield
    finally:
        # On a full disk the rest of a table is lost; the error that stopped the run must not be.
        with suppress(OSError):
            file.close()


def _join_without_gpu() -> None:
    """Connect with the other processes where MMEngine cannot: it needs a GPU for each."""
    import torch
    from torch import distributed

    if not torch.cuda.is_available() and not distributed.is_initialized():
        distributed.init_process_group("gloo")


def leave_others() -> None:
    """Close the connection with the other processes; PyTorch warns about an open one."""
    from torch import distributed

    if distributed.is_initialized():
        distributed.destroy_process_group()


def silence_upstream() -> None:
    """Hide the warnings of the training stack for the rest of the process.

    mmengine imports pkg_resources, transformers and torch warn about it and about themselves; the
    user can do nothing about it, and the log keeps the versions.
    """
    warnings.filterwarnings("ignore", category=UserWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)


def silence_logger() -> None:
    """Hide warnings and MMEngine's remarks where there is no train.log; errors still show."""
    silence_upstream()
    from mmengine.logging import MMLogger

    MMLogger.get_instance("mmengine", log_level="ERROR")


def build_runner(
    config: Path, *, launcher: str = "none", resume_from: Path | None = None
) -> Runner:
    """Build the model, load its base checkpoint and freeze it.

    Args:
        config: `mmdet_config.py` of a run folder.
        launcher: `none`, or how MMEngine finds the other processes: `pytorch`, `slurm`.
        resume_from: checkpoint that training resumes from.

    Returns:
        A runner whose `train()` trains to the end.

    Raises:
        UserError: the model and its checkpoint do not fit, or there is nothing to freeze.
    """
    silence_upstream()
    cfg = load_config(config)
    # The imported code stays: MMEngine collects garbage with every data set it reads, and each time
    # would look through a million objects.
    gc.freeze()
    plain = "runner_type" not in cfg
    if plain:
        cfg = _for_upstream(cfg)
    cfg.launcher = launcher
    if launcher != "none":
        _join_without_gpu()
    if resume_from is not None:
        cfg.resume, cfg.load_from = True, str(resume_from)

    from mmengine.registry import RUNNERS
    from mmengine.runner import Runner

    runner: Runner = Runner.from_cfg(cfg) if plain else RUNNERS.build(cfg)
    if plain:
        # Results go to stdout, what MMEngine says of itself does not.
        for handler in runner.logger.handlers:
            if isinstance(handler, logging.StreamHandler) and not hasattr(handler, "baseFilename"):
                handler.setStream(sys.stderr)
    return runner


def _for_upstream(config: Config) -> Config:
    """Return a config that MMEngine's own Runner does not write over the run's (dump_config).

    It names no module of ours, so that mmcv-lite's stand-in is put in here.
    """
    from mmengine.config import Config
    from transformers import logging as transformers_logging

    import train_teacher.mmdet_plugin  # noqa: F401

    # It reports every tensor that the base brings and the language model's folder does not.
    transformers_logging.set_verbosity_error()
    return Config(config.to_dict(), format_python_code=False)


def detector_of(runner: Runner) -> nn.Module:
    """Return the detector of a runner, without the wrapper of distributed training."""
    from train_teacher.mmdet_plugin.runner_access import unwrapped

    return unwrapped(runner)
