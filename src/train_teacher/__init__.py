"""From a COCO JSON to a fine-tuned MM Grounding DINO teacher detector."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = ["Teacher", "__version__"]


def __getattr__(name: str) -> Any:
    """Load what needs PyTorch when it is asked for."""
    if name == "Teacher":
        return import_module("train_teacher.teachers.teacher").Teacher
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
