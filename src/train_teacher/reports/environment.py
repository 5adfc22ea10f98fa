"""Versions and machine of a run, for its report."""

from __future__ import annotations

import os
import platform

from train_teacher.core.installed import installed_version

PACKAGES = ("torch", "mmdet", "mmengine", "mmcv", "mmcv-lite", "transformers", "peft", "numpy")


def describe_environment() -> dict[str, str]:
    """Return names and values, in the order in which they are shown."""
    import torch

    devices = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    return {
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "GPU": ", ".join(devices) or "none",
        "Python": platform.python_version(),
        **{name: found for name in PACKAGES if (found := installed_version(name))},
    }
