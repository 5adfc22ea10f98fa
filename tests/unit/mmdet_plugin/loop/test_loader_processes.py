"""Loading processes are deaf to the signals that stop a run, and end with it all the same."""

from __future__ import annotations

import multiprocessing
import os
import signal

import torch
from torch.utils.data import DataLoader

from train_teacher.mmdet_plugin.loop.loader_processes import (
    STOP_SIGNALS,
    end_loading_processes,
    keep_from_signals,
)


class Numbers(torch.utils.data.Dataset[tuple[int, int]]):
    """Gives the process that loads, and what was drawn for it when it began."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> tuple[int, int]:
        return os.getpid(), int(os.environ.get("BEGUN", "-1"))


def begin(worker_id: int) -> None:
    os.environ["BEGUN"] = str(worker_id)


def test_a_told_loading_process_goes_on_and_ends_with_its_loader() -> None:
    loader = DataLoader(
        Numbers(),
        batch_size=None,
        num_workers=1,
        prefetch_factor=1,
        worker_init_fn=begin,
        timeout=120,
    )
    keep_from_signals(loader)
    batches = iter(loader)
    process, begun = next(batches)
    assert begun == 0
    for number in STOP_SIGNALS:
        os.kill(process, number)
    assert [found for found, _ in batches] == [process] * 7
    del batches
    assert process not in {child.pid for child in multiprocessing.active_children()}


def stay(ready: multiprocessing.synchronize.Event) -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    ready.set()
    signal.pause()


def test_one_that_hangs_does_not_keep_the_run_from_ending() -> None:
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    process = context.Process(target=stay, args=(ready,), daemon=True)
    process.start()
    ready.wait(60)
    end_loading_processes()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
