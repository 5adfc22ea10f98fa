"""From a COCO JSON to a fine-tuned MM Grounding DINO teacher detector."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
_PLACES = {
    "DataManager": "data.manager",
    "Teacher": "teachers.teacher",
    "TeacherSettings": "settings.schema",
    "generate_mmdet_config": "config.generate",
    "inspect_data": "data.manager",
    "train_teacher": "training.from_python",
}
__all__ = [
    "DataManager",
    "Teacher",
    "TeacherSettings",
    "__version__",
    "generate_mmdet_config",
    "inspect_data",
    "train_teacher",
]


def __getattr__(name: str) -> Any:
    """Load what is asked for, when it is: none of it waits for the others, or for PyTorch."""
    if name in _PLACES:
        return getattr(import_module(f"train_teacher.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
