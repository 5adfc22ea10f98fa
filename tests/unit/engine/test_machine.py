from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
import torch

from train_teacher.engine import machine
from train_teacher.engine.machine import (
    SHARED_BYTES_PER_WORKER,
    choose_workers,
    resolve_precision,
)

GIB = 2**30


@pytest.fixture
def large_machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Pretend to be a machine of 16 cores with a GPU and enough shared memory."""
    set_machine(monkeypatch, cores=16)
    return monkeypatch


def set_machine(
    patch: pytest.MonkeyPatch, cores: int, *, gpu: bool = True, shared: int = 8 * GIB
) -> None:
    patch.setattr(torch.cuda, "is_available", lambda: gpu)
    patch.setattr(os, "cpu_count", lambda: cores)
    patch.setattr(machine, "usable_cores", lambda: cores)
    patch.setattr(machine.shutil, "disk_usage", lambda _: SimpleNamespace(free=shared))


@pytest.mark.parametrize(("cores", "processes"), [(1, 1), (2, 2), (4, 2), (8, 4), (16, 8), (64, 8)])
def test_a_gpu_gets_half_of_the_cores_and_at_least_two_for_a_small_set_too(
    cores: int, processes: int, large_machine: pytest.MonkeyPatch
) -> None:
    set_machine(large_machine, cores)
    assert choose_workers(40, "auto") == processes
    assert choose_workers(40_000, "cuda") == processes


def test_there_are_no_more_processes_than_images(large_machine: pytest.MonkeyPatch) -> None:
    assert choose_workers(3, "cuda") == 3


def test_gpus_share_the_cores(large_machine: pytest.MonkeyPatch) -> None:
    assert choose_workers(1000, "cuda", gpus=2) == 4
    assert choose_workers(1000, "cuda", gpus=32) == 1


def test_little_shared_memory_means_fewer_processes_or_none(
    large_machine: pytest.MonkeyPatch,
) -> None:
    set_machine(large_machine, 16, shared=64_000_000)  # Docker's default
    assert choose_workers(1000, "cuda") == 0
    set_machine(large_machine, 16, shared=3 * SHARED_BYTES_PER_WORKER)
    assert choose_workers(1000, "cuda") == 3


@pytest.mark.parametrize(("device", "gpu"), [("cpu", True), ("cpu", False), ("auto", False)])
def test_a_cpu_reads_a_small_set_without_processes(
    device: str, gpu: bool, large_machine: pytest.MonkeyPatch
) -> None:
    set_machine(large_machine, 16, gpu=gpu)
    assert choose_workers(499, device) == 0
    assert choose_workers(500, device) == 4
    set_machine(large_machine, 2, gpu=gpu)
    assert choose_workers(500, device) == 1


def test_a_given_format_is_kept() -> None:
    assert resolve_precision("fp16", "cuda") == "fp16"


@pytest.mark.parametrize(
    ("device", "capability", "chosen"),
    [
        ("cpu", (9, 0), "fp32"),
        ("auto", None, "fp32"),
        ("auto", (6, 1), "fp32"),
        ("auto", (7, 0), "fp16"),
        ("auto", (7, 5), "fp16"),
        ("auto", (8, 0), "bf16"),
        ("cuda", (9, 0), "bf16"),
    ],
)
def test_automatic_is_the_format_that_the_tensor_cores_have(
    device: str,
    capability: tuple[int, int] | None,
    chosen: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: capability is not None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert resolve_precision("auto", device) == chosen
