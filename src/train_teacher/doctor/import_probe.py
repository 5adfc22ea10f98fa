"""Run as a process of its own by `teacher doctor`: imports the training stack and reports.

A broken package may end the process it is imported into; here that ends only this one. Every line
that begins with `MARK` is one step's result as JSON.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

MARK = "train-teacher-probe "
# What a package that does not fit raises when it is imported; anything else ends the process,
# and whoever started it reads the reason from stderr.
IMPORT_PROBLEMS = (
    ImportError,
    AssertionError,
    AttributeError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def look_at_torch() -> dict[str, Any]:
    """Return versions and GPUs of PyTorch."""
    import torch

    facts: dict[str, Any] = {
        "torch": torch.__version__,
        "torch_cuda": torch.version.cuda,
        "torch_architectures": torch.cuda.get_arch_list() if torch.version.cuda else [],
        "cuda_available": torch.cuda.is_available(),
    }
    if torch.version.cuda and not facts["cuda_available"]:
        facts["cuda_problem"] = _why_no_gpu()
    if facts["cuda_available"]:
        facts["gpus"] = [_gpu(index) for index in range(torch.cuda.device_count())]
    return facts


def _why_no_gpu() -> str:
    import torch

    try:
        torch.zeros(1, device="cuda")
    except (RuntimeError, AssertionError) as error:
        return str(error).splitlines()[0]
    return "no device is visible"


def _gpu(index: int) -> dict[str, Any]:
    import torch

    free, total = torch.cuda.mem_get_info(index)
    return {
        "name": torch.cuda.get_device_name(index),
        "capability": torch.cuda.get_device_capability(index),
        "total_bytes": total,
        "free_bytes": free,
    }


def look_at_mmdet() -> dict[str, Any]:
    """Import everything that training imports; return whether mmcv's ops are compiled."""
    importlib.import_module("train_teacher.mmdet_plugin")
    from train_teacher.mmdet_plugin.mmcv_ops import install

    return {"mmcv_ops": install()}


def look_at_deformops() -> dict[str, Any]:
    """Return whether the optional Triton kernels are there."""
    return {"deformops": importlib.util.find_spec("deformops") is not None}


STEPS: tuple[tuple[str, Callable[[], dict[str, Any]]], ...] = (
    ("deformops", look_at_deformops),
    ("torch", look_at_torch),
    ("mmdet", look_at_mmdet),
)


def main() -> None:
    """Take every step and write its result to stdout."""
    warnings.simplefilter("ignore")
    for name, look in STEPS:
        _tell({"step": name})
        try:
            _tell({"step": name, "facts": look()})
        except IMPORT_PROBLEMS as error:
            types = [cls.__name__ for cls in type(error).__mro__]
            _tell({"step": name, "problem": {"types": types, "message": str(error)}})


def _tell(result: dict[str, Any]) -> None:
    sys.stdout.write(f"{MARK}{json.dumps(result)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
