"""A `work_dir` of MMDetection's `tools/train.py`, read as the run that its config describes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from train_teacher.core.errors import UserError
from train_teacher.core.json_file import read_json
from train_teacher.core.python_files import CURE, python_files_allowed
from train_teacher.inspection.facts import DatasetInfo
from train_teacher.runs.edited_config import read_edited, settings_beneath, with_edits
from train_teacher.runs.folder import RunFolder
from train_teacher.settings.schema import TeacherSettings

NEWEST = ("checkpoints/best.pth", "best_*.pth", "checkpoints/last.pth", "epoch_*.pth", "iter_*.pth")
"""Checkpoints of our hook and of MMEngine's, the one to use first."""


class WorkDir(RunFolder):
    """A folder with a config and weights, whose data are in the run that the config is from."""

    def __init__(self, root: Path, config: Path, checkpoint: Path) -> None:
        """Name its files."""
        super().__init__(root)
        self.config = config
        self._checkpoint = checkpoint

    def best_checkpoint(self) -> Path:
        """Return the best checkpoint where training marked one, else the newest."""
        return self._checkpoint

    def use_data_of(self, run: RunFolder) -> None:
        """Read canonical copies and facts where that run has them."""
        self.data, self.dataset_info = run.data, run.dataset_info


@dataclass(frozen=True)
class UpstreamRun:
    """Outcome of a training with `tools/train.py`."""

    folder: WorkDir
    settings: TeacherSettings
    dataset_info: DatasetInfo


def find_work_dir(root: Path) -> WorkDir | None:
    """Return the folder if it has a config and a checkpoint, the newest of each."""
    configs = sorted(root.glob("*.py"), key=_age)
    found = (sorted(root.glob(pattern), key=_age) for pattern in NEWEST)
    checkpoint = next((paths[-1] for paths in found if paths), None)
    return WorkDir(root, configs[-1], checkpoint) if configs and checkpoint else None


def _age(path: Path) -> float:
    return path.stat().st_mtime


def read_work_dir(folder: WorkDir) -> UpstreamRun:
    """Run its config and find the equivalent settings and data.

    Raises:
        UserError: Python files may not be run, or its data are no run's, or are gone.
        UsageError: the config changes what train-teacher cannot follow.
    """
    if not python_files_allowed():
        raise UserError(
            f"{folder.root}: is what MMDetection's tools/train.py leaves. What it trained says "
            f"{folder.config}, which is Python and would be run to be read. {CURE}"
        )
    given = {"output": str(folder.root)}
    edited = read_edited(folder.config, given)
    run = RunFolder(edited.run)
    try:
        info = read_json(run.dataset_info, DatasetInfo)
    except (OSError, msgspec.MsgspecError) as error:
        raise UserError(
            f"{folder.config}: names data in {run.data}, which is not a run's any more: {error}. "
            "Put that run back, or train the config here: train-teacher --mmdet-config "
            f"{folder.config} --data FILE --output ANOTHER_FOLDER."
        ) from error
    folder.use_data_of(run)
    beneath = settings_beneath(edited, given, run.settings)
    # No file of the user's is named, which a later command would read: the edits say it all.
    settings = msgspec.structs.replace(with_edits(info, beneath, edited), mmdet_config=None)
    return UpstreamRun(folder, settings, info)
