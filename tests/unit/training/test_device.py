"""Reports of a run on its device, and on what keeps it from a faster one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import torch

from demo_model import make_settings
from train_teacher.core.errors import UsageError
from train_teacher.engine import machine
from train_teacher.settings.schema import TeacherSettings
from train_teacher.training import command
from train_teacher.training.device import device_lines, memory_line

GIB = 2**30
A100 = "NVIDIA A100-SXM4-40GB"


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Return a function that pretends: GPUs that PyTorch sees, and that nvidia-smi lists."""

    def pretend(seen: int, listed: int, capability: int = 8) -> None:
        about = SimpleNamespace(name=A100, total_memory=40 * GIB, major=capability)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: seen > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: seen)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: about)
        monkeypatch.setattr(torch.version, "cuda", "13.0" if seen else None)
        monkeypatch.setattr(machine, "usable_cores", lambda: 2)
        monkeypatch.setattr(os, "getloadavg", lambda: (1.0, 9.0, 9.0))
        program = tmp_path / "nvidia-smi"
        if listed:
            program.write_text("#!/bin/sh\n" + f"echo '580.95, {A100}'\n" * listed)
            program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.defpath}")

    return pretend


def settings(*chosen: str, **given: Any) -> TeacherSettings:
    made = make_settings(**given)
    decided = msgspec.structs.replace(made.decided, chosen=list(chosen))
    return msgspec.structs.replace(made, decided=decided)


@pytest.mark.parametrize(
    ("seen", "listed", "given", "line"),
    [
        (0, 0, {"precision": "fp32"}, "CPU (2 cores), fp32"),
        (2, 2, {"precision": "fp32", "device": "cpu"}, "CPU (2 cores), fp32"),
        (1, 1, {"precision": "bf16"}, f"GPU {A100}, 40 GiB, bf16"),
        (1, 0, {"precision": "fp16"}, f"GPU {A100}, 40 GiB, fp16"),
        (2, 2, {"precision": "bf16", "gpus": 2}, f"2 GPUs {A100}, 40 GiB, bf16"),
        (
            1,
            2,
            {"precision": "bf16"},
            f"GPU {A100}, 40 GiB, bf16; PyTorch sees 1 of the 2 GPUs that nvidia-smi lists",
        ),
    ],
)
def test_a_run_names_its_device_and_number_format_in_one_line(
    seen: int, listed: int, given: dict[str, Any], line: str, gpus: Any
) -> None:
    gpus(seen, listed)
    assert device_lines(settings(**given)) == [f"device    {line}"]


@pytest.mark.parametrize(("capability", "said"), [(9, True), (8, True), (7, False)])
def test_fp32_is_called_tf32_where_tensor_cores_multiply_it(
    capability: int, said: bool, gpus: Any
) -> None:
    gpus(1, 1, capability)
    (line,) = device_lines(settings(precision="fp32"))
    assert line.endswith("fp32 (TF32 in matrix products)") == said
    assert "TF32" not in device_lines(settings(precision="bf16"))[0]


def test_a_gpu_that_pytorch_does_not_see_is_a_warning_with_cause_and_cure(gpus: Any) -> None:
    gpus(0, 1)
    line, warning = device_lines(settings(precision="fp32"))
    assert line == "device    CPU (2 cores), fp32"
    told = " ".join(warning.split())
    assert told.startswith(f"warning PyTorch {torch.__version__} is built for CPU only")
    assert A100 in told
    assert "pip uninstall -y torch && pip install torch==" in told
    assert max(map(len, warning.splitlines())) <= 80


def test_who_asks_for_the_cpu_is_not_warned_of_a_gpu(gpus: Any) -> None:
    gpus(0, 1)
    assert len(device_lines(settings(device="cpu"))) == 1


@pytest.mark.parametrize(
    ("shared", "chosen", "told"),
    [
        (64_000_000, ("workers",), True),  # Docker's default
        (64_000_000, (), False),
        (8 * GIB, ("workers",), False),
    ],
)
def test_no_loader_processes_for_lack_of_shared_memory_are_told_with_the_cure(
    shared: int,
    chosen: tuple[str, ...],
    told: bool,
    gpus: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpus(1, 1)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: SimpleNamespace(free=shared))
    lines = device_lines(settings(*chosen, workers=0, precision="bf16"))
    text = " ".join(" ".join(lines[1:]).split())
    assert text.startswith("warning /dev/shm has no room") == told
    assert ("docker run --shm-size=8g, or --ipc=host" in text) == told


@pytest.mark.parametrize("visible", [None, "0,1"])
def test_more_processes_than_gpus_are_refused_before_anything_is_read(
    visible: str | None, gpus: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gpus(2, 4)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    given = {"data": str(tmp_path / "none.json"), "output": str(tmp_path / "run"), "gpus": 4}
    with pytest.raises(UsageError) as caught:
        command._train(given, None, None)
    told = str(caught.value)
    assert "--gpus 4: PyTorch sees 2" in told
    assert "use --gpus 2, or make 4 visible" in told
    assert ("CUDA_VISIBLE_DEVICES=0,1" in told) == (visible is not None)


def test_a_run_that_goes_on_is_not_told_to_use_fewer_gpus_which_would_be_refused(gpus: Any) -> None:
    gpus(2, 4)
    with pytest.raises(UsageError, match=r"What to do: make 4 visible\.$"):
        machine.require_gpus("auto", 4, resumed=True)


@pytest.mark.parametrize(("seen", "wanted"), [(0, 2), (2, 2), (4, 2), (1, 1)])
def test_processes_on_cpu_and_with_enough_gpus_are_not_refused(
    seen: int, wanted: int, gpus: Any
) -> None:
    gpus(seen, seen)
    machine.require_gpus("auto", wanted)


def test_every_process_of_a_launcher_hides_the_gpus_before_it_connects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    seen = []

    @contextmanager
    def connect() -> Iterator[None]:
        seen.append(os.environ["CUDA_VISIBLE_DEVICES"])
        yield None

    monkeypatch.setattr("train_teacher.engine.outer_launch.among_others", connect)
    assert command._together({"device": "cpu"}, lambda _: 0) == 0
    assert seen == [""]


def test_a_crowded_machine_is_told_before_training_on_its_cpu(
    gpus: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus(0, 0)
    monkeypatch.setattr(os, "getloadavg", lambda: (40.0, 0.0, 0.0))
    device, warning = device_lines(settings(precision="fp32"))[:2]
    assert "CPU (2 cores)" in device
    assert warning.startswith("warning   other programs use the same cores (40.0 of ")


def test_memory_is_told_for_a_gpu_and_not_guessed_on_a_cpu(gpus: Any) -> None:
    gpus(0, 0)
    assert memory_line(settings(precision="fp32")) == ""
    gpus(1, 1)
    published = {"model": "swin-t", "train_scales": [[800, 1333]]}
    made = msgspec.structs.replace(settings(precision="bf16"), **published)
    assert memory_line(made).startswith("memory    13 to 51 GiB of a GPU, an estimate;")
    mine = msgspec.structs.replace(made, model="mine.yaml")
    assert memory_line(mine).startswith("memory    not known for mine.yaml;")
