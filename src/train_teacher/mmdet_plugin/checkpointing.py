"""Checkpoints of a run: last.pth and best.pth, trainable tensors only, written atomically."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.logging import HistoryBuffer
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn

from train_teacher.domain.errors import UserError

FOLDER = "checkpoints"
LAST = "last.pth"
PREVIOUS = "previous.pth"
"""The state before last.pth: what is left if that is damaged."""
BEST = "best.pth"


OWN_KEY = "train_teacher"
"""Where a checkpoint keeps what MMEngine knows nothing of."""

STATISTICS = frozenset({"min", "max", "mean", "current"})


def _statistics_method(owner: object, name: str) -> Any:
    """Stand in for `getattr` in a checkpoint: HistoryBuffer's statistics, and nothing else.

    Raises:
        UnpicklingError: the checkpoint asks for any other attribute.
    """
    if owner is HistoryBuffer and name in STATISTICS:
        return getattr(owner, name)
    raise UnpicklingError(f"the checkpoint asks for attribute {name!r} of {owner!r}")


def trust_mmengine_types() -> None:
    """Let torch.load's safe mode read what MMEngine 0.10.7 puts into its own checkpoints.

    Since torch 2.6 `weights_only` is the default and refuses MMEngine's message hub (a
    HistoryBuffer of numpy arrays), so MMEngine cannot resume; these types hold numbers and run no
    code, and the check stays on for everything else (mmengine#1655).
    """
    if not hasattr(torch.serialization, "add_safe_globals"):
        return  # before torch 2.4 there is no list, and before 2.6 no need
    # The attribute moved in numpy 2; both names occur in pickles.
    core: Any = getattr(np, "_core", None) or np.core
    reconstruct = core.multiarray._reconstruct
    dtypes = {type(np.dtype(kind)) for kind in ("f8", "f4", "i8", "i4", "u1", "?")}
    torch.serialization.add_safe_globals(
        [
            HistoryBuffer,
            np.ndarray,
            np.dtype,
            core.multiarray.scalar,
            # Pickles of numpy 1 name the old module.
            (reconstruct, "numpy.core.multiarray._reconstruct"),
            (reconstruct, "numpy._core.multiarray._reconstruct"),
            (core.multiarray.scalar, "numpy.core.multiarray.scalar"),
            # HistoryBuffer pickles its statistics as getattr(HistoryBuffer, "mean").
            (_statistics_method, "builtins.getattr"),
            *dtypes,
        ]
    )


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of a run, without running its pickle.

    Raises:
        UserError: absent, damaged, or not one of ours.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such checkpoint.") from None
    except (OSError, RuntimeError, EOFError, UnpicklingError, zipfile.BadZipFile) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"{path}: damaged or not a checkpoint of a run ({reason}).") from error
    if not isinstance(content, dict) or OWN_KEY not in content:
        raise UserError(f"{path}: not a checkpoint of a run of train-teacher.")
    return content


def check_fits(checkpoint: Mapping[str, Any], model: nn.Module, path: Path) -> None:
    """Refuse a checkpoint that was trained on another base or with other settings.

    Args:
        checkpoint: a last.pth or best.pth.
        model: that it is loaded into.
        path: of the checkpoint, for messages.

    Raises:
        UserError: it belongs to another model.
    """
    base = (checkpoint.get(OWN_KEY) or {}).get("base")
    own = getattr(model, "base_identity", None)
    if base != own:
        raise UserError(
            f"{path}: was trained on top of {_named(base)}, but this model starts from "
            f"{_named(own)}. Together they would detect nothing; give the first one (--weights)."
        )
    trainable = {name for name, p in model.named_parameters() if p.requires_grad}
    saved = set(checkpoint["state_dict"])
    if trainable != saved:
        different = sorted(trainable ^ saved)
        raise UserError(
            f"{path}: holds other tensors than this run trains ({len(different)} differ, such as "
            f"{different[0]}): --tune, --freeze or the LoRA settings were others."
        )


def _named(base: Mapping[str, str] | None) -> str:
    return f"{base['name']} (SHA-256 {base['sha256'][:12]}...)" if base else "random weights"


@HOOKS.register_module()
class TeacherCheckpointHook(CheckpointHook):
    """Writes `checkpoints/last.pth` (resumable) and `checkpoints/best.pth`.

    Both hold the trainable tensors and the buffers beside them; the frozen rest is in the base
    checkpoint, which the model loads when it is built.
    """

    # After every hook that needs the full state dict, such as EMAHook (NORMAL).
    priority = "LOWEST"

    def before_train(self, runner: Runner) -> None:
        """Choose the folder."""
        super().before_train(runner)
        self.out_dir = str(Path(runner.work_dir) / FOLDER)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Drop what the base checkpoint holds already, and note which base that is."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        trainable = {name for name, p in model.named_parameters() if p.requires_grad}
        weights = checkpoint["state_dict"]
        checkpoint["state_dict"] = {n: t for n, t in weights.items() if n in trainable}
        if "ema_state_dict" in checkpoint:
            # EMAHook's copy: the averaged model under `module.`, and its number of steps.
            averaged = checkpoint["ema_state_dict"]
            checkpoint["ema_state_dict"] = {
                n: t
                for n, t in averaged.items()
                if n.removeprefix("module.") in trainable or n == "steps"
            }
        checkpoint[OWN_KEY] = {"base": getattr(model, "base_identity", None)}

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, Any]) -> None:
        self.last_ckpt = str(Path(self.out_dir) / LAST)
        runner.message_hub.update_info("last_ckpt", self.last_ckpt)
        runner.save_checkpoint(self.out_dir, LAST, meta=meta, by_epoch=self.by_epoch)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, Any]) -> None:
        key = self.key_indicators[0]
        # No detection at all leaves the metric out; that is a score of zero, not of "unknown".
        score = float(metrics.get(key, 0.0))
        hub = runner.message_hub
        best = hub.get_info("best_score") if "best_score" in hub.runtime_info else None
        if best is not None and score <= best:
            return
        hub.update_info("best_score", score)
        hub.update_info("best_ckpt", str(Path(self.out_dir) / BEST))
        runner.save_checkpoint(
            self.out_dir,
            BEST,
            save_optimizer=False,
            save_param_scheduler=False,
            meta={"epoch": runner.epoch, "iter": runner.iter, key: score},
            by_epoch=False,
        )
        if is_main_process():
            runner.logger.info(f"best {key} so far: {score:.4f}, in {BEST}")
