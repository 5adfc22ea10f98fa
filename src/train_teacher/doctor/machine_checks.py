"""The checks of `teacher doctor` on GPU, memory, disk and the files that training needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from train_teacher.config.expected_memory import ALL_RECOMPUTED, step_bytes
from train_teacher.doctor.facts import Environment, EnvironmentFinding, Gpu
from train_teacher.doctor.findings import finding
from train_teacher.settings.yaml_files import read_preset

GIB = 2**30
# The model twice while it is built (checkpoint and parameters, 0.7 GB each) and the libraries.
SMALL_MEMORY = 4 * GIB
# A checkpoint of 1 GB, last.pth and best.pth of a run, and the copy written before a rename.
SMALL_DISK = 5 * GIB
TINY_DISK = GIB // 2
# One batch of 4 images of 1333 x 1333 x 3 bytes in each of 4 processes, twice prefetched.
SMALL_SHARED_MEMORY = GIB // 4
# PyTorch's wheels on PyPI are built for CUDA 13 since 2.11; every 12.x runs on the older drivers.
CUDA_13 = 13
BELOW_CUDA_13 = "<2.11"
DRIVERS = {12: "525", CUDA_13: "580"}
"""Oldest driver by CUDA's major version (NVIDIA, CUDA compatibility, minor versions)."""


def unused_gpu(environment: Environment) -> Iterator[EnvironmentFinding]:
    """Check for a GPU that PyTorch cannot use."""
    stack = environment.stack
    if stack.torch is None or stack.cuda_available:
        return
    if stack.torch_cuda and stack.cuda_problem and "too old" in stack.cuda_problem:
        yield _old_driver(environment, stack.torch_cuda)
    elif environment.driver and not stack.torch_cuda:
        gpus, release = ", ".join(environment.driver.gpus), stack.torch.split("+")[0]
        yield finding("torch-cpu", torch=stack.torch, gpus=gpus, release=release)
    elif environment.driver:
        yield finding("gpu-hidden", reason=stack.cuda_problem or "no reason given")
    else:
        yield finding("no-gpu")


def _old_driver(environment: Environment, cuda: str) -> EnvironmentFinding:
    major = int(cuda.split(".", maxsplit=1)[0])
    wanted = f" to {DRIVERS[major]} or newer" if major in DRIVERS else ""
    older = f", or: pip install {_torch(environment, below=BELOW_CUDA_13)}"
    older = older if major >= CUDA_13 else ""
    return finding("driver-old", cuda=cuda, wanted=wanted, older=older)


def _torch(environment: Environment, *, least: str = "", below: str = "") -> str:
    """Return the accepted versions of PyTorch for pip, with one end of the range moved."""
    accepted = (r.specifier for r in environment.requirements if r.name == "torch")
    lower, _, upper = next(accepted, "").partition(",")
    bounds = filter(None, (least or lower, below or upper))
    return f'"torch{",".join(bounds)}"'


def _gpu_code(environment: Environment) -> Iterator[EnvironmentFinding]:
    """Check for a GPU that this build of PyTorch has no code for."""
    stack = environment.stack
    built = [int(n) for a in stack.torch_architectures for n in re.findall(r"^sm_(\d+)", a)]
    for gpu in stack.gpus:
        own = gpu.capability[0] * 10 + gpu.capability[1]
        if not built or _covered(gpu, built, stack.torch_architectures):
            continue
        newer = own > max(built)
        # PyTorch 2.7 was the first for sm_100 and sm_120, and the last whose wheels on PyPI had
        # code for sm_50 to sm_70 (its release notes).
        wanted = _torch(environment, **({"least": ">=2.7"} if newer else {"below": "<2.8"}))
        torch = stack.torch or ""
        yield finding("gpu-code", torch=torch, gpu=gpu.name, own=str(own), wanted=wanted)


def _covered(gpu: Gpu, built: Sequence[int], architectures: Sequence[str]) -> bool:
    """Return whether binary code of the same major version, or newer source code, is there."""
    major, minor = gpu.capability
    same = any(number // 10 == major and number % 10 <= minor for number in built)
    source = [int(n) for a in architectures for n in re.findall(r"^compute_(\d+)", a)]
    return same or any(number <= major * 10 + minor for number in source)


def _gpu_memory(environment: Environment) -> Iterator[EnvironmentFinding]:
    images = int(read_preset(environment.preset).values["batch_size"])
    batch, one = (
        step_bytes(environment.preset, "frozen", count, ALL_RECOMPUTED) for count in (images, 1)
    )
    for gpu in environment.stack.gpus:
        if batch and one and gpu.free_bytes < batch:
            yield finding(
                "gpu-memory",
                gpu=gpu.name,
                free=gib(gpu.free_bytes),
                total=gib(gpu.total_bytes),
                preset=environment.preset,
                images=str(images),
                batch=gib(int(batch)),
                one=gib(int(one)),
            )


def _ops(environment: Environment) -> Iterator[EnvironmentFinding]:
    stack = environment.stack
    deformops = (f"pip install {r.pip}" for r in environment.requirements if r.name == "deformops")
    if stack.gpus and stack.mmcv_ops == "stand-in" and not stack.deformops:
        yield finding("no-compiled-ops", fix=" or: ".join(["scripts/build_mmcv.sh", *deformops]))


def _memory(environment: Environment) -> Iterator[EnvironmentFinding]:
    if 0 < environment.memory_available < SMALL_MEMORY:
        yield finding("memory", free=gib(environment.memory_available))
    free = environment.shared_memory_free
    if free is not None and free < SMALL_SHARED_MEMORY:
        yield finding("shared-memory", free=gib(free))


def _disk(environment: Environment) -> Iterator[EnvironmentFinding]:
    for disk in environment.disks:
        if disk.free_bytes < SMALL_DISK:
            severity = "error" if disk.free_bytes < TINY_DISK else "warning"
            free = gib(disk.free_bytes)
            yield finding("disk", severity=severity, free=free, path=disk.path, what=disk.what)


def _needed(environment: Environment) -> Iterator[EnvironmentFinding]:
    for needed in environment.needed:
        what = needed.what.replace(" ", "-")
        values = {"what": needed.what, "place": needed.place, "preset": environment.preset}
        if needed.problem:
            yield finding("damaged", code=f"damaged-{what}", problem=needed.problem, **values)
        elif not needed.present:
            entry = "not-here-offline" if environment.offline else "not-here"
            yield finding(entry, code=f"no-{what}", offline=environment.offline or "", **values)


def gib(count: int) -> str:
    """Return a number of bytes in GiB with one digit."""
    return f"{count / GIB:.1f} GiB"


MACHINE_CHECKS: Sequence[Callable[[Environment], Iterator[EnvironmentFinding]]] = (
    unused_gpu,
    _gpu_code,
    _gpu_memory,
    _ops,
    _memory,
    _disk,
    _needed,
)
