"""Device of a run, as `train-teacher` reports it before it starts."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator
from itertools import chain

from train_teacher.config.expected_memory import expected_gpu_memory
from train_teacher.core.cores import usable_cores
from train_teacher.doctor.look import look_at_gpus, nvidia_driver
from train_teacher.doctor.machine_checks import GIB, unused_gpu
from train_teacher.engine import machine
from train_teacher.settings.schema import TeacherSettings

COLUMNS = 80
CROWDED = 1.5
"""Processes that want a core, for each core there is."""
INDENT = " " * len("device    ")


def device_lines(settings: TeacherSettings) -> list[str]:
    """Return device and number format in one line, and warnings about a slower run.

    Args:
        settings: resolved.
    """
    line = machine.describe_device(settings.device, settings.precision, settings.gpus)
    driver = None if settings.device == "cpu" else nvidia_driver()
    warnings: Iterator[str] = _crowded()
    if machine.has_gpu(settings.device):
        seen, listed = machine.visible_gpus(), len(driver.gpus) if driver else 0
        if seen < listed:
            line += f"; PyTorch sees {seen} of the {listed} GPUs that nvidia-smi lists"
        warnings = _no_loaders(settings)
    elif driver:
        findings = unused_gpu(look_at_gpus(driver))
        unused = (f"{f.what} {f.consequence} To fix it: {f.fix}" for f in findings)
        warnings = chain(unused, warnings)
    return [f"device    {line}", *(_wrapped(text) for text in warnings)]


def memory_line(settings: TeacherSettings) -> str:
    """Return the GPU memory a run will take, as far as it is known before; empty on CPU.

    Args:
        settings: resolved.
    """
    if not machine.has_gpu(settings.device):
        return ""
    expected = expected_gpu_memory(settings)
    if expected is None:
        return f"memory    not known for {settings.model}; a step before training tries it"
    least, most = (f"{count / GIB:.0f}" for count in expected)
    if settings.plain:
        return f"memory    {most} GiB of a GPU, an estimate"
    return (
        f"memory    {least} to {most} GiB of a GPU, an estimate; a step before training tries it "
        "and recomputes what does not fit"
    )


def _crowded() -> Iterator[str]:
    load, cores = os.getloadavg()[0], usable_cores()
    if load > CROWDED * cores:
        yield (
            f"other programs use the same cores ({load:.1f} of {cores} in the last minute): "
            "training takes that much longer"
        )


def _no_loaders(settings: TeacherSettings) -> Iterator[str]:
    chosen = "workers" in settings.decided.chosen and settings.workers == 0
    if chosen and not machine.workers_in_shared_memory(settings.gpus):
        yield (
            "/dev/shm has no room for data loading processes, so images are read between the "
            "steps and the GPU waits for them. Give the container more: docker run "
            "--shm-size=8g, or --ipc=host"
        )


def _wrapped(text: str) -> str:
    return textwrap.fill(
        text,
        COLUMNS,
        initial_indent="warning   ",
        subsequent_indent=INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
