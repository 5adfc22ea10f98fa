"""Building a model whose weights are about to be read from a file, without drawing them first."""

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
    """Leaves out every random initialisation of PyTorch, mmcv and transformers in this thread.

    What was to be drawn holds whatever its memory held, so each such tensor has to be written
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
        """Return what was to be drawn as it is; let every other function do its work."""
        named = kwargs or {}
        if func in DRAWS:
            return args[0] if args else named["tensor"]
        return func(*args, **named)


def draw_embeddings(model: nn.Module, names: tuple[str, ...]) -> None:
    """Draw, as `nn.Embedding` does, tables of a `SkipInitialisation` model that no file has."""
    for name in names:
        nn.init.normal_(model.get_parameter(name))
