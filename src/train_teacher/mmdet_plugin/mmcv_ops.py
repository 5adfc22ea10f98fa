"""A stand-in for `mmcv._ext`, so that mmcv-lite (a wheel, no compiler) suffices.

mmdet imports `mmcv.ops` everywhere, and each module there loads the compiled `mmcv._ext` when it is
imported. Grounding DINO runs one op of it, multi-scale deformable attention, which has a PyTorch
path that mmcv takes on CPU by itself, and here on a GPU too. So names have to resolve, and nothing
has to work.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import NoReturn

MODULE = "mmcv._ext"


class _StandIn(ModuleType):
    """Module in which every op exists and raises, when called, how to get the real one."""

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        if name.startswith("__"):
            raise AttributeError(name)

        def missing_op(*args: object, **kwargs: object) -> NoReturn:
            raise RuntimeError(
                f"mmcv op {name!r} needs a compiled mmcv, and this environment has mmcv-lite. "
                "Build it with scripts/build_mmcv.sh (8 to 10 minutes)."
            )

        missing_op.__name__ = name
        return missing_op


def install() -> str:
    """Make `mmcv.ops` importable; return `compiled` where mmcv is, else `stand-in`."""
    if isinstance(sys.modules.get(MODULE), _StandIn):
        return "stand-in"
    try:
        importlib.import_module(MODULE)
    except ModuleNotFoundError as error:
        if error.name != MODULE:
            raise
        stand_in = _StandIn(MODULE)
        # mmengine looks for a loader to learn whether ops are compiled: none is the truth.
        stand_in.__spec__ = ModuleSpec(MODULE, loader=None)
        sys.modules[MODULE] = stand_in
        # On a GPU mmcv would call the op that is not there, and it asks this name which way to go.
        attention = importlib.import_module("mmcv.ops.multi_scale_deform_attn")
        vars(attention)["IS_CUDA_AVAILABLE"] = False
        return "stand-in"
    return "compiled"
