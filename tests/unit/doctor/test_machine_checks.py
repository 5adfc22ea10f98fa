from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from doctor_machine import GIB, environment, stack
from train_teacher.doctor.facts import (
    Disk,
    Environment,
    EnvironmentFinding,
    Gpu,
    Needed,
    Requirement,
)
from train_teacher.doctor.package_checks import check_environment

CPU_BUILD = stack(torch_cuda=None, cuda_available=False, gpus=(), torch="2.13.0+cpu")
OLD_DRIVER = stack(
    cuda_available=False, gpus=(), cuda_problem="The NVIDIA driver on your system is too old"
)
SHM_FULL = GIB // 16

TRAPS: list[tuple[str, str, Callable[[], Environment], str]] = [
    (
        "torch-cpu",
        "warning",
        lambda: environment(stack=CPU_BUILD),
        "pip uninstall -y torch && pip install torch==2.13.0",
    ),
    (
        "driver-old",
        "error",
        lambda: environment(stack=OLD_DRIVER),
        'update the NVIDIA driver to 580 or newer, or: pip install "torch>=2.6,<2.11"',
    ),
    (
        "gpu-hidden",
        "warning",
        lambda: environment(stack=stack(cuda_available=False, gpus=())),
        "CUDA_VISIBLE_DEVICES",
    ),
    ("no-gpu", "info", lambda: environment(stack=CPU_BUILD, driver=None), ""),
    (
        "gpu-code",
        "error",
        lambda: environment(stack=stack(gpus=(gpu((6, 1)),))),
        'pip install --upgrade "torch>=2.6,<2.8"',
    ),
    (
        "gpu-code",
        "error",
        lambda: environment(
            stack=stack(gpus=(gpu((12, 0)),), torch_architectures=("sm_80", "sm_90"))
        ),
        'pip install --upgrade "torch>=2.7,<2.14"',
    ),
    (
        "gpu-memory",
        "warning",
        lambda: environment(stack=stack(gpus=(gpu((9, 0), free=GIB),))),
        "--batch-size auto",
    ),
    (
        "no-compiled-ops",
        "info",
        lambda: environment(stack=stack(mmcv_ops="stand-in")),
        "scripts/build_mmcv.sh",
    ),
    ("memory", "warning", lambda: environment(memory_available=GIB), "--memory"),
    ("shared-memory", "warning", lambda: environment(shared_memory_free=SHM_FULL), "--shm-size"),
    ("disk", "warning", lambda: environment(disks=(disk(2 * GIB),)), "TRAIN_TEACHER_CACHE"),
    ("disk", "error", lambda: environment(disks=(disk(1000),)), "TRAIN_TEACHER_CACHE"),
    ("no-base-weights", "info", lambda: environment(needed=(absent(),)), "teacher fetch swin-t"),
    (
        "no-base-weights",
        "error",
        lambda: environment(needed=(absent(),), offline="HF_HUB_OFFLINE=1 forbids the network"),
        "teacher fetch swin-t --to DIR",
    ),
    (
        "damaged-base-weights",
        "error",
        lambda: environment(needed=(absent(present=True, problem="is cut off"),)),
        'rm "/w.pth" && teacher fetch swin-t',
    ),
]


def gpu(capability: tuple[int, int], free: int = 70 * GIB) -> Gpu:
    return Gpu(name="GPU", capability=capability, total_bytes=80 * GIB, free_bytes=free)


def disk(free: int) -> Disk:
    return Disk(what="runs", path="/runs", free_bytes=free)


def absent(present: bool = False, problem: str | None = None) -> Needed:
    return Needed(what="base weights", wanted="w", place="/w.pth", present=present, problem=problem)


@pytest.mark.parametrize(("code", "severity", "make", "fix"), TRAPS)
def test_a_trap_is_found_with_the_line_that_mends_it(
    code: str, severity: str, make: Callable[[], Environment], fix: str
) -> None:
    found: tuple[EnvironmentFinding, ...] = check_environment(make())
    assert [(finding.code, finding.severity) for finding in found] == [(code, severity)]
    assert fix in found[0].fix
    assert found[0].what
    assert found[0].consequence.endswith(".")


def test_a_gpu_newer_than_the_build_runs_its_portable_code() -> None:
    assert check_environment(environment(stack=stack(gpus=(gpu((12, 1)),)))) == ()


def test_a_pytorch_of_cuda_12_is_as_new_as_an_older_driver_allows() -> None:
    old = stack(
        torch="2.9.1",
        torch_cuda="12.8",
        cuda_available=False,
        gpus=(),
        cuda_problem="The NVIDIA driver on your system is too old",
    )
    (found,) = check_environment(environment({"torch": "2.9.1"}, stack=old))
    assert found.fix == "update the NVIDIA driver to 525 or newer"


def test_deformops_takes_the_place_of_compiled_ops() -> None:
    both = environment(stack=stack(mmcv_ops="stand-in", deformops=True))
    assert check_environment(both) == ()


def test_deformops_is_offered_where_it_can_be_installed() -> None:
    seen = environment(stack=stack(mmcv_ops="stand-in"))
    triton = Requirement(name="deformops", specifier=">=3.0,<4", extra="triton")
    seen = msgspec.structs.replace(seen, requirements=(*seen.requirements, triton))
    (found,) = check_environment(seen)
    assert found.fix == 'scripts/build_mmcv.sh or: pip install "deformops>=3.0,<4"'
