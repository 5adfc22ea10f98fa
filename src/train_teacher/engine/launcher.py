"""Several training processes on this machine, started with torchrun's own agent."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import threading
import uuid
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train_teacher.core.cores import usable_cores
from train_teacher.core.errors import UserError
from train_teacher.engine.process import EXIT_INTERRUPTED, FAILURE
from train_teacher.failures.patterns import PEER_ENDED

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure
    from torch.distributed.launcher.api import LaunchConfig

MODULE = "train_teacher.engine.process"
POLL_SECONDS = 0.5
TAKEN = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
    if hasattr(signal, name)
]
SAVE_SECONDS = 300
"""Time for a signaled process to finish its step and write a large model; torch's own is 30 s."""


def run_processes(folder: Path, processes: int, resume_from: Path | None = None) -> None:
    """Train in several processes on this machine and wait for them.

    Args:
        folder: run folder with its config.
        processes: how many; one for each GPU.
        resume_from: checkpoint to resume from.

    Raises:
        UserError: one of them failed; the others were ended.
        KeyboardInterrupt: asked to stop; the state is saved.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    _silence_agent()
    for old in folder.glob(FAILURE.format(rank="*")):
        old.unlink()
    settings = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=str(uuid.uuid4()),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=POLL_SECONDS,
        **_patience(LaunchConfig),
    )
    command = ["-m", MODULE, str(folder), "--launcher", str(os.getpid())]
    if resume_from is not None:
        command += ["--resume-from", str(resume_from)]
    # Without it torch would set it, and say so in a warning box.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, usable_cores() // processes)))
    # torch takes signals over and does not give them back (elastic/multiprocessing/api.py).
    handlers = {number: signal.getsignal(number) for number in TAKEN}
    try:
        elastic_launch(settings, sys.executable)(*command)
    except SignalException:
        raise KeyboardInterrupt from None
    except ChildFailedError as error:
        first, failure = error.get_first_failure()
        if failure.exitcode == EXIT_INTERRUPTED:
            raise KeyboardInterrupt from None
        raise UserError(_message(folder, {first: failure, **error.failures})) from None
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                signal.signal(number, handler)
        for left in folder.glob(FAILURE.format(rank="*")):
            left.unlink()


def _silence_agent() -> None:
    """Hide torchrun's own report of a failure, a traceback; ours is `_message`.

    Each of its modules gives its logger a level of its own.
    """
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("torch.distributed.elastic"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _patience(config: type[LaunchConfig]) -> dict[str, Any]:
    """Return the agent's option for the time that signaled processes may take, if it has one."""
    names = {field.name for field in fields(config)}
    return {"shutdown_timeout": SAVE_SECONDS} if "shutdown_timeout" in names else {}


def _message(folder: Path, failures: Mapping[int, ProcessFailure]) -> str:
    """Return the reason of the run's end; a lost peer is reported only without a better one.

    Args:
        folder: where the processes left their messages.
        failures: by rank, the first of them first.
    """
    files = [folder / FAILURE.format(rank=rank) for rank in failures]
    files += sorted(set(folder.glob(FAILURE.format(rank="*"))) - set(files))
    told = [path.read_text("utf-8") for path in files if path.exists()]
    reasons = [text for text in told if not re.search(PEER_ENDED, text, re.IGNORECASE)]
    if reasons:
        return reasons[0]
    # The agent ends those that are left with SIGTERM.
    silent = [
        rank
        for (rank, failure), file in zip(failures.items(), files, strict=False)
        if not file.exists() and failure.exitcode != -signal.SIGTERM
    ]
    rank = next(iter(silent or failures))
    return _ended(folder, rank, failures[rank])


def _ended(folder: Path, rank: int, failure: ProcessFailure) -> str:
    code = failure.exitcode
    if code < 0:
        how = f"was killed by {signal.Signals(-code).name}"
        cause = " (often: out of memory)" if -code == signal.SIGKILL else ""
    else:
        how, cause = f"ended with code {code}", ""
    return (
        f"training process {rank} {how}{cause}, so the others were ended too. Its last lines are "
        f"in {folder / 'train.log'}. Resume from the last checkpoint with --resume."
    )
