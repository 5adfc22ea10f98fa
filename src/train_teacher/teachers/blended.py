"""A run's detector with weights interpolated between its base and a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from train_teacher.core.errors import UsageError
from train_teacher.teachers.adapter_folder import write_tensors
from train_teacher.teachers.export import FinishedRun
from train_teacher.teachers.model import TeacherModel, load_run

if TYPE_CHECKING:
    from torch import Tensor


class BlendedTeacher:
    """One detector, interpolated in place."""

    def __init__(self, run: FinishedRun, device: str) -> None:
        """Build it.

        Raises:
            UserError: the base is missing or another one, or the checkpoint is damaged.
            UsageError: the run has no base.
        """
        from train_teacher.mmdet_plugin.checkpoints.files import (
            fill_from_base,
            is_slim,
            read_checkpoint,
        )

        if run.settings.weights == "none":
            raise UsageError(
                f"{run.folder.root}: was trained from random weights: it has no base to blend with."
            )
        content = read_checkpoint(run.checkpoint)
        self._trained: dict[str, Tensor] = dict(content["state_dict"])
        self._meta: dict[str, Any] = {"base": content["meta"].get("base")}
        self._model = load_run(
            run.folder, run.settings, run.dataset_info, None, device, with_adapters=True
        )
        if is_slim(content):
            fill_from_base(content, self._model.detector, run.checkpoint)
        own = self._model.detector.state_dict()
        self._base = {n: t.detach().cpu().clone() for n, t in own.items() if n in self._trained}

    def at(self, alpha: float) -> TeacherModel:
        """Return the detector at alpha: 0 is the base, 1 the training; always the same object."""
        self._model.detector.load_state_dict(self._tensors(alpha), strict=False)
        return self._model

    def save(self, alpha: float, path: Path) -> None:
        """Write the weights as a checkpoint of the run.

        Raises:
            UserError: the system refuses.
        """
        write_tensors(path, self._meta, self._tensors(alpha), half=False)

    def _tensors(self, alpha: float) -> dict[str, Tensor]:
        from train_teacher.mmdet_plugin.checkpoints.interpolation import interpolated

        return interpolated(self._base, self._trained, alpha)
