"""The checks of `teacher doctor` on GPU, memory, disk and the files that training needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from train_teacher.doctor.facts import Environment, EnvironmentFinding, Gpu

GIB = 2**30
# Swin-T at batch 1 and 800 pixels: weights, gradients of half of them, Adam and activations
# (knowledge: training.md section 3; the preset's batch of 4 takes about 10 GB).
SMALL_GPU = 6 * GIB
# The model twice while it is built (checkpoint and parameters, 0.7 GB each) and the libraries.
SMALL_MEMORY = 4 * GIB
# A checkpoint of 1 GB, last.pth and best.pth of a run, and the copy written before a rename.
SMALL_DISK = 5 * GIB
TINY_DISK = GIB // 2
# One batch of 4 images of 1333 x 1333 x 3 bytes in each of 4 processes, twice prefetched.
SMALL_SHARED_MEMORY = GIB // 4
ON_CPU = "Training runs on CPU, about a hundred times slower."
# PyTorch's wheels on PyPI are built for CUDA 13 since 2.11; every 12.x runs on the older drivers.
CUDA_13 = 13
BELOW_CUDA_13 = "<2.11"
DRIVERS = {12: "525", CUDA_13: "580"}
"""Oldest driver by CUDA's major version (NVIDIA, CUDA compatibility, minor versions)."""


def unused_gpu(environment: Environment) -> Iterator[EnvironmentFinding]:
    """Look for a GPU that PyTorch cannot use."""
    stack = environment.stack
    if stack.torch is None or stack.cuda_available:
        return
    if stack.torch_cuda and stack.cuda_problem and "too old" in stack.cuda_problem:
        yield _old_driver(environment, stack.torch_cuda)
    elif environment.driver and not stack.torch_cuda:
        yield EnvironmentFinding(
            code="torch-cpu",
            severity="warning",
            what=f"PyTorch {stack.torch} is built for CPU only, and there is a GPU: "
            f"{', '.join(environment.driver.gpus)}.",
            consequence=ON_CPU,
            fix=f"pip uninstall -y torch && pip install torch=={stack.torch.split('+')[0]}",
        )
    elif environment.driver:
        yield EnvironmentFinding(
            code="gpu-hidden",
            severity="warning",
            what=f"PyTorch does not see the GPU: {stack.cuda_problem or 'no reason given'}.",
            consequence=ON_CPU,
            fix="unset CUDA_VISIBLE_DEVICES, or mend the driver (nvidia-smi shows it)",
        )
    else:
        yield EnvironmentFinding(
            code="no-gpu",
            severity="info",
            what="there is no NVIDIA GPU.",
            consequence="Training runs on CPU: fine for the demo preset, about a minute a step "
            "for swin-t.",
            fix="",
        )


def _old_driver(environment: Environment, cuda: str) -> EnvironmentFinding:
    major = int(cuda.split(".", maxsplit=1)[0])
    wanted = f" to {DRIVERS[major]} or newer" if major in DRIVERS else ""
    older = f", or: pip install {_torch(environment, below=BELOW_CUDA_13)}"
    return EnvironmentFinding(
        code="driver-old",
        severity="error",
        what=f"the NVIDIA driver is too old for CUDA {cuda} of this PyTorch.",
        consequence=ON_CPU,
        fix=f"update the NVIDIA driver{wanted}{older if major >= CUDA_13 else ''}",
    )


def _torch(environment: Environment, *, least: str = "", below: str = "") -> str:
    """Return the accepted versions of PyTorch for pip, with one end of the range moved."""
    accepted = (r.specifier for r in environment.requirements if r.name == "torch")
    lower, _, upper = next(accepted, "").partition(",")
    bounds = filter(None, (least or lower, below or upper))
    return f'"torch{",".join(bounds)}"'


def _gpu_code(environment: Environment) -> Iterator[EnvironmentFinding]:
    """Look for a GPU that this build of PyTorch has no code for."""
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
        yield EnvironmentFinding(
            code="gpu-code",
            severity="error",
            what=f"PyTorch {stack.torch} has no code for {gpu.name} (sm_{own}).",
            consequence='The first operation on the GPU fails: "no kernel image is available".',
            fix=f"pip install --upgrade {wanted}",
        )


def _covered(gpu: Gpu, built: Sequence[int], architectures: Sequence[str]) -> bool:
    """Tell whether binary code of the same major version, or newer source code, is there."""
    major, minor = gpu.capability
    same = any(number // 10 == major and number % 10 <= minor for number in built)
    source = [int(n) for a in architectures for n in re.findall(r"^compute_(\d+)", a)]
    return same or any(number <= major * 10 + minor for number in source)


def _gpu_memory(environment: Environment) -> Iterator[EnvironmentFinding]:
    for gpu in environment.stack.gpus:
        if gpu.free_bytes < SMALL_GPU:
            yield EnvironmentFinding(
                code="gpu-memory",
                severity="warning",
                what=f"{gpu.name}: {gib(gpu.free_bytes)} of {gib(gpu.total_bytes)} are free.",
                consequence="The default preset takes about 10 GB at a batch of 4.",
                fix="train-teacher ... --batch-size 1, or end what else uses the GPU (nvidia-smi)",
            )


def _ops(environment: Environment) -> Iterator[EnvironmentFinding]:
    stack = environment.stack
    deformops = (f"pip install {r.pip}" for r in environment.requirements if r.name == "deformops")
    if stack.gpus and stack.mmcv_ops == "stand-in" and not stack.deformops:
        yield EnvironmentFinding(
            code="no-compiled-ops",
            severity="info",
            what="neither mmcv's compiled ops nor deformops is there; deformable attention takes "
            "its PyTorch path.",
            consequence="Same results, slower steps and more memory on a GPU.",
            fix=" or: ".join(["scripts/build_mmcv.sh", *deformops]),
        )


def _memory(environment: Environment) -> Iterator[EnvironmentFinding]:
    if 0 < environment.memory_available < SMALL_MEMORY:
        yield EnvironmentFinding(
            code="memory",
            severity="warning",
            what=f"{gib(environment.memory_available)} of memory are free.",
            consequence="Building the default model takes about 4 GiB; the system may kill it.",
            fix="end other programs, or give the container more (docker run --memory 16g)",
        )
    free = environment.shared_memory_free
    if free is not None and free < SMALL_SHARED_MEMORY:
        yield EnvironmentFinding(
            code="shared-memory",
            severity="warning",
            what=f"/dev/shm has {gib(free)} free.",
            consequence="Data loading processes pass images through it and die with a bus "
            "error when it is full.",
            fix="docker run --shm-size 2g, or set `workers: 0` in a --config file",
        )


def _disk(environment: Environment) -> Iterator[EnvironmentFinding]:
    for disk in environment.disks:
        if disk.free_bytes < SMALL_DISK:
            yield EnvironmentFinding(
                code="disk",
                severity="error" if disk.free_bytes < TINY_DISK else "warning",
                what=f"{gib(disk.free_bytes)} are free at {disk.path} ({disk.what}).",
                consequence="Base weights take 1 GB, a run's checkpoints about as much.",
                fix="free some space, or choose another place: --output, TRAIN_TEACHER_CACHE",
            )


def _needed(environment: Environment) -> Iterator[EnvironmentFinding]:
    for needed in environment.needed:
        if needed.problem:
            yield EnvironmentFinding(
                code=f"damaged-{needed.what.replace(' ', '-')}",
                severity="error",
                what=f"{needed.place}: {needed.problem}.",
                consequence=f"Training with {environment.preset} stops when it reads it.",
                fix=f'rm "{needed.place}" && teacher fetch {environment.preset}',
            )
        elif not needed.present:
            offline = environment.offline
            yield EnvironmentFinding(
                code=f"no-{needed.what.replace(' ', '-')}",
                severity="error" if offline else "info",
                what=f"{needed.what} of {environment.preset}: not here ({needed.place}).",
                consequence=f"No download is possible: {offline} forbids the network."
                if offline
                else "They are downloaded when training starts.",
                fix=f"{'on a machine with network: ' if offline else ''}"
                f"teacher fetch {environment.preset}{' --to DIR' if offline else ''}",
            )


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
