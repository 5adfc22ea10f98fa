"""Registry of the checks: all that modules here name in FILE_CHECKS and CHECKS.

A check is one file. Its findings stand behind those of the modules listed here when they are as
grave and as many.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from train_teacher.inspection.facts import Finding
from train_teacher.inspection.inspected import Inspected, InspectedFile

FileCheck = Callable[[InspectedFile], list[Finding]]
Check = Callable[[Inspected], list[Finding]]

_FIRST = (
    "double_box_checks placement_checks box_checks mask_checks reference_checks "
    "area_and_crowd_checks unread_member_checks file_checks category_checks exporter_checks "
    "image_checks class_list_checks class_presence_checks class_name_checks wording_checks "
    "token_checks data_set_checks missing_label_checks object_size_checks duplicate_image_checks "
    "image_name_checks shared_video_checks no_validation_checks"
).split()


def _modules() -> list[ModuleType]:
    folder = [str(Path(__file__).parent)]
    found = [m.name for m in pkgutil.walk_packages(folder, f"{__package__}.") if not m.ispkg]
    by_name = {name.rpartition(".")[2]: name for name in found if name != __name__}
    others = sorted(by_name.keys() - set(_FIRST))
    return [import_module(by_name[name]) for name in (*_FIRST, *others)]


def _named(name: str) -> tuple[Any, ...]:
    return tuple(check for module in _modules() for check in getattr(module, name, ()))


FILE_CHECKS: tuple[FileCheck, ...] = _named("FILE_CHECKS")
"""Run for each annotation file."""
CHECKS: tuple[Check, ...] = _named("CHECKS")
"""Run once, for what concerns the data set as a whole."""
