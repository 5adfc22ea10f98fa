"""Skipped weight initialization for a model whose weights are about to be loaded from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

DRAWS: frozenset[Callable[..., Any]] = frozenset(
    {
        Tensor.normal_,
        Tensor.uniform_,
        # These arrive here instead of the two methods in which they and all others end.
        nn.init.normal_,
        nn.init.uniform_,
        nn.init.kaiming_normal_,
        nn.init.kaiming_uniform_,
    }
)


class SkipInitialisation(TorchFunctionMode):
    """Skips every random initialization of PyTorch, mmcv and transformers in this thread.

    A skipped tensor holds whatever its memory held, so each has to be written
    afterwards. Constants are filled as usual. (On the `meta` device mmdet's Swin cannot be built:
    it reads numbers from tensors.)
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return tensors of random initializers unchanged; let every other function do its work."""
        named = kwargs or {}
        if func in DRAWS:
            return args[0] if args else named["tensor"]
        return func(*args, **named)


def draw_embeddings(model: nn.Module, names: tuple[str, ...]) -> None:
    """Initialize tables of a `SkipInitialisation` model that no file has, as `nn.Embedding`."""
    for name in names:
        nn.init.normal_(model.get_parameter(name))
