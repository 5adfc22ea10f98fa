"""The config of a run, rebuilt from its settings and facts, which are data; its file is code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from train_teacher.config import merge
from train_teacher.config.generate import generate_mmdet_config
from train_teacher.core.errors import UserError
from train_teacher.core.python_files import OPTION, python_files_allowed
from train_teacher.core.terminal_text import plain
from train_teacher.engine import runner
from train_teacher.inspection.facts import DatasetInfo
from train_teacher.runs.folder import RunFolder
from train_teacher.runs.record import config_was_edited, read_record
from train_teacher.settings.schema import TeacherSettings

if TYPE_CHECKING:
    from mmengine.config import Config


def run_config(folder: RunFolder, settings: TeacherSettings, info: DatasetInfo) -> Config:
    """Return the content of `mmdet_config.py`, without running it unless the user allowed that.

    The folder may come from anyone.

    Raises:
        UserError: the settings name what is not here.
    """
    if python_files_allowed():
        return runner.load_config(folder.config)
    import train_teacher.mmdet_plugin  # noqa: F401 - what the file's custom_imports would import

    if _was_edited(folder):
        note = f"note: {folder.config} was edited and is not run; {OPTION} runs it."
        sys.stderr.write(f"{plain(note)}\n")
    # A plain run's checkpoint holds every weight: our detector takes it, and has its base as well.
    ours = msgspec.structs.replace(settings, plain=False)
    return merge.build_config(generate_mmdet_config(info, ours))


def _was_edited(folder: RunFolder) -> bool:
    """Return whether the file was changed since it was written, as far as the folder shows."""
    try:
        record = read_record(folder)
        return record is not None and config_was_edited(folder, record)
    except (OSError, UserError):
        return False
