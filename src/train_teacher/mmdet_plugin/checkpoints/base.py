"""Loading the base checkpoint with an account of every tensor."""

from __future__ import annotations

import shlex
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor, nn

from train_teacher.core.errors import UserError
from train_teacher.hub.files import SUFFIX
from train_teacher.hub.tensors import mmdet_tensors
from train_teacher.mmdet_plugin.checkpoints.misfit import by_part, compare_shapes, describe_misfit

# The denoising label table has one row per class; with more classes than it was trained with
# it cannot be kept, and mmdet only uses it for label noise in training (dino.py:41).
RESIZABLE = frozenset({"dn_query_generator.label_embedding.weight"})


@dataclass(frozen=True)
class LoadReport:
    """Account of the tensors of a base checkpoint."""

    loaded: int
    constants: tuple[str, ...]
    """Buffers that are not in the file and keep their initial values."""
    by_part: Mapping[str, int]
    """Tensors loaded, by part of the model."""
    reinitialised: tuple[str, ...]
    """Tensors that are reinitialized: of another number of classes, or not in the file."""
    unused: tuple[str, ...]
    """Tensors of the file that this model does not have."""

    def __str__(self) -> str:
        """Return the account in one line."""
        parts = ", ".join(f"{part} {count}" for part, count in sorted(self.by_part.items()))
        text = f"{self.loaded} tensors loaded ({parts})"
        if self.constants:
            text += f"; {len(self.constants)} constant buffers are not in it"
        if self.reinitialised:
            text += (
                "; reinitialized, of another number of classes or not in the file: "
                f"{', '.join(self.reinitialised)}"
            )
        if self.unused:
            text += f"; {len(self.unused)} of the file are not used: {by_part(self.unused)}"
        return text


ACCEPT = """\
If you trust its author, extract its tensors once (this runs any code in it):
  python -c 'import sys, torch; c = torch.load(sys.argv[1], map_location="cpu", \
weights_only=False); torch.save({{"state_dict": c.get("state_dict", c)}}, sys.argv[2])' \
{path} plain.pth
and give --weights plain.pth."""


def read_state_dict(path: Path) -> Mapping[str, Tensor]:
    """Read the weights of an MMEngine, plain PyTorch or transformers checkpoint; no code is run.

    Returns:
        Tensors by MMDetection's name.

    Raises:
        UserError: missing, damaged, not a checkpoint, or a pickle that wants to run code.
    """
    if path.suffix == SUFFIX:
        return _read_safetensors(path)
    try:
        # Mapped, a large file is read once, into the model; bare pickles cannot be.
        mapped = path.is_file() and zipfile.is_zipfile(path)
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such checkpoint. Give --weights FILE.") from None
    except UnpicklingError as error:
        raise UserError(
            f"{path}: not a checkpoint of plain tensors, so it is not loaded (it could run code): "
            f"{_first_line(error)}\n{ACCEPT.format(path=shlex.quote(str(path)))}"
        ) from error
    except (OSError, RuntimeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path}: damaged or not a PyTorch checkpoint ({_first_line(error)}). "
            "Download it again or give another --weights."
        ) from error
    weights: Mapping[str, Tensor] | None = (
        content.get("state_dict", content) if isinstance(content, Mapping) else None
    )
    if not weights or not all(isinstance(value, Tensor) for value in weights.values()):
        raise UserError(f"{path}: holds no weights (no `state_dict` of tensors).")
    return weights


def _read_safetensors(path: Path) -> Mapping[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found, foreign = mmdet_tensors(load_file(path))
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"{path}: missing or damaged ({_first_line(error)}). Give another --weights."
        ) from error
    # Kept by their own names: the report tells that they are not used.
    return {**found, **{name: torch.empty(0) for name in foreign}}


def load_base_checkpoint(model: nn.Module, path: Path) -> LoadReport:
    """Fill a model with the tensors of a base checkpoint.

    Args:
        model: detector whose parameter names are MMDetection's.

    Raises:
        UserError: a parameter of the model is absent from the file or has another shape.
    """
    weights = read_state_dict(path)
    own = model.state_dict()
    parameters = {name for name, p in model.named_parameters() if not _is_neutral(name, p)}
    misfits = {n for n in own.keys() & weights.keys() if own[n].shape != weights[n].shape}
    missing = (parameters - weights.keys()) | (misfits & parameters)
    if missing - RESIZABLE:
        here, there = _shapes(own), _shapes(weights)
        misfit = compare_shapes(here, there, parameters - RESIZABLE)
        raise UserError(f"{path}: {describe_misfit(misfit, here, there)}")
    fitting = {name: weights[name] for name in own.keys() & weights.keys() - misfits}
    model.load_state_dict(fitting, strict=False)
    return LoadReport(
        loaded=len(fitting),
        constants=tuple(sorted(own.keys() - fitting.keys() - missing)),
        by_part=Counter(name.split(".")[0] for name in fitting),
        reinitialised=tuple(sorted(missing)),
        unused=tuple(sorted(weights.keys() - own.keys())),
    )


def _is_neutral(name: str, parameter: nn.Parameter) -> bool:
    """Return whether a parameter has no effect before it has been trained.

    MMDetection's recipe for the original Grounding DINO gives the head a scale that its published
    weights do not have; scores are multiplied by exp(0) (grounding_dino_head.py:76).
    """
    return name.endswith(".log_scale") and not parameter.is_meta and not bool(parameter.any())


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _first_line(error: Exception) -> str:
    """Return an error's message in one line; an empty file raises EOFError without a message."""
    return (str(error) or type(error).__name__).splitlines()[0]
