"""Failures of GPU, memory, disk, processes and network."""

from __future__ import annotations

import errno
from dataclasses import replace

from train_teacher.failures.failure import Failure

CUDA = ("RuntimeError", "AcceleratorError", "AssertionError")

GPU_MEMORY_FULL = (
    r"CUDA out of memory|CUDA error: out of memory|CUBLAS_STATUS_ALLOC_FAILED|"
    r"CUDNN_STATUS_ALLOC_FAILED"
)
CPU_MEMORY_FULL = r"can't allocate memory|not enough memory|std::bad_alloc"
MEMORY_FULL = f"{GPU_MEMORY_FULL}|{CPU_MEMORY_FULL}"
"""How PyTorch's allocators, the driver, cuDNN and cuBLAS name it."""

PEER_ENDED = (
    r"Connection (closed|reset) by (peer|remote peer)|gloo/transport|"
    r"Broken pipe.*(gloo|TCPStore)|recvValue failed|failed to recv, got 0 bytes"
)
"""How a process names it that another one, with which it computes, is gone."""

_MEMORY = Failure(
    code="memory",
    types=("MemoryError",),
    what="the machine's memory is full.",
    consequence="The work stopped.",
    cure="end other programs, or use fewer `workers` and a smaller --batch-size.",
)

MACHINE_FAILURES: tuple[Failure, ...] = (
    Failure(
        code="gpu-memory",
        types=("OutOfMemoryError", *CUDA),
        pattern=rf"{GPU_MEMORY_FULL}|CUDNN_STATUS_NOT_INITIALIZED",
        what="the GPU's memory is full.",
        consequence="Training stopped; crowded or large images can come late, so it can happen "
        "after hours.",
        cure="train again with a smaller --batch-size, or smaller images (`train_scales` in a "
        "--config file). nvidia-smi shows whether another program uses the GPU.",
    ),
    Failure(
        code="gpu-code",
        types=CUDA,
        pattern=r"no kernel image is available|not compatible with the current PyTorch",
        what="this PyTorch has no code for this GPU.",
        consequence="Nothing can be computed on it.",
        cure="`teacher doctor` names the PyTorch that has; or --device cpu.",
    ),
    Failure(
        code="driver-old",
        types=CUDA,
        pattern=r"driver on your system is too old|driver version is insufficient|"
        r"provided PTX was compiled with an unsupported toolchain",
        what="the NVIDIA driver is too old for this PyTorch.",
        consequence="The GPU cannot be used.",
        cure="update the driver, or install a PyTorch of an older CUDA (`teacher doctor` names "
        "it); or --device cpu.",
    ),
    Failure(
        code="no-driver",
        types=CUDA,
        pattern=r"Found no NVIDIA driver|No CUDA GPUs are available|no CUDA-capable device|"
        r"Torch not compiled with CUDA enabled",
        what="PyTorch was asked for a GPU and finds none.",
        consequence="Nothing can be computed on it.",
        cure="--device cpu, or see `teacher doctor` for what is missing.",
    ),
    Failure(
        code="gpu-busy",
        types=CUDA,
        pattern=r"busy or unavailable|uncorrectable ECC|fallen off the bus|"
        r"unspecified launch failure|GPU is lost",
        what="the GPU stopped or is reserved by another program.",
        consequence="Training stopped; the last checkpoint is kept.",
        cure="look at nvidia-smi and dmesg; another program may hold the GPU, or it has a fault.",
    ),
    Failure(
        code="gpu-assertion",
        types=CUDA,
        pattern=r"device-side assert|illegal memory access",
        what="a computation on the GPU used an index out of its range.",
        consequence="Training stopped, and the traceback may show the wrong line: the GPU works "
        "behind the program.",
        cure="repeat it with CUDA_LAUNCH_BLOCKING=1, or --device cpu, which names the line; a "
        "value given with --set that the model cannot have is the usual reason.",
    ),
    Failure(
        code="shared-memory",
        types=("RuntimeError", "OSError"),
        pattern=r"bus error|out of shared memory|unable to (open|write|mmap|allocate).*(shared|shm|"
        r"/torch_)|/dev/shm",
        what="the shared memory (/dev/shm) that data loading processes use is full.",
        consequence="A data loading process died and training stopped.",
        cure="give more: docker run --shm-size 2g (or --ipc host); or load in the main process: "
        "`workers: 0` in a --config file.",
    ),
    Failure(
        code="worker-killed",
        types=("RuntimeError",),
        pattern=r"DataLoader worker \(pid\(?s?\)? [\d, ]+\) (is killed by signal: Killed|exited "
        r"unexpectedly)",
        what="the system ended a data loading process.",
        consequence="Training stopped; almost always the machine's memory was full.",
        cure="fewer processes: `workers: 1` (or 0) in a --config file; or end other programs.",
    ),
    _MEMORY,
    replace(_MEMORY, types=("RuntimeError",), pattern=CPU_MEMORY_FULL),
    replace(_MEMORY, types=("OSError",), errnos=(errno.ENOMEM,)),
    Failure(
        code="disk-full",
        types=("OSError",),
        errnos=(errno.ENOSPC, errno.EDQUOT),
        what="the disk is full, or your share of it.",
        consequence="What was being written is incomplete; the checkpoint before it is kept.",
        cure="free some space (a run of swin-t takes about 1 GB) and go on with --resume, or start "
        "again with another --output.",
    ),
    Failure(
        code="disk-full",
        types=("RuntimeError",),
        pattern=r"PytorchStreamWriter failed writing|unexpected pos \d+ vs|iostream error|"
        r"No space left on device|file write failed",
        what="a checkpoint could not be written, most likely because the disk is full.",
        consequence="The checkpoint before it is kept.",
        cure="free some space (a run of swin-t takes about 1 GB) and go on with --resume, or start "
        "again with another --output.",
    ),
    Failure(
        code="permission",
        types=("OSError",),
        errnos=(errno.EACCES, errno.EPERM, errno.EROFS),
        pattern=r"(?P<text>.*)",
        what="the system refuses access: {text}.",
        consequence="The work stopped.",
        cure="change the permissions of that file or folder, or choose another place with "
        "--output (TRAIN_TEACHER_CACHE and HF_HOME for downloads).",
    ),
    Failure(
        code="open-files",
        types=("OSError", "RuntimeError"),
        pattern=r"Too many open files|received \d+ items of ancdata",
        what="too many files are open at once.",
        consequence="The work stopped.",
        cure="ulimit -n 65536 before the command, or fewer `workers` in a --config file.",
    ),
    Failure(
        code="disk-fault",
        types=("OSError",),
        errnos=(errno.EIO, errno.ESTALE),
        what="the disk or the network drive does not answer as it should.",
        consequence="The work stopped.",
        cure="see whether the drive is still there (dmesg, mount) and start again.",
    ),
    Failure(
        code="port",
        types=("RuntimeError", "OSError"),
        pattern=r"EADDRINUSE|address already in use",
        what="the network port that the processes of a run talk through is taken.",
        consequence="Distributed training cannot start.",
        cure="another run holds it: wait for it, or set MASTER_PORT to another number.",
    ),
    Failure(
        code="peer-ended",
        types=("RuntimeError",),
        pattern=PEER_ENDED,
        what="another process of this run ended.",
        consequence="This one cannot go on without it; the last checkpoint is kept.",
        cure="its message is above or in train.log and says what to do; then --resume.",
    ),
    Failure(
        code="nccl",
        types=("RuntimeError",),
        pattern=r"NCCL (error|communicator)|ncclUnhandledCudaError|Watchdog caught collective",
        what="the GPUs lost contact with each other.",
        consequence="Training stopped; the last checkpoint is kept.",
        cure="the process that failed first tells why, further up in the log; NCCL_DEBUG=INFO "
        "shows more.",
    ),
)

NETWORK_FAILURES: tuple[Failure, ...] = (
    Failure(
        code="network",
        types=("URLError", "ConnectionError", "Timeout", "HTTPError"),
        place=r"/(urllib|requests|mmengine|huggingface_hub|torch)/",
        what="something was to be downloaded and there is no connection.",
        consequence="The work stopped.",
        cure="set HTTPS_PROXY if there is a proxy; or `teacher fetch PRESET --to DIR` on a machine "
        "with network, then --weights DIR --language-model DIR.",
    ),
)
