"""Building a model whose weights are about to be read from a file, without drawing them first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def _as_it_is(tensor: Tensor, *args: object, **kwargs: object) -> Tensor:
    return tensor


@contextmanager
def undrawn_weights() -> Iterator[None]:
    """Leave out every draw in place: PyTorch's, mmcv's and transformers' initialisers end there.

    What was to be drawn holds whatever its memory held, so each such tensor has to be written
    afterwards. Constants are filled as usual.
    """
    normal, uniform = torch.Tensor.normal_, torch.Tensor.uniform_
    torch.Tensor.normal_ = torch.Tensor.uniform_ = _as_it_is  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        torch.Tensor.normal_, torch.Tensor.uniform_ = normal, uniform  # type: ignore[method-assign]


def draw_embeddings(model: nn.Module, names: tuple[str, ...]) -> None:
    """Draw tables that the file does not have, as `nn.Embedding` does.

    Args:
        model: built within `undrawn_weights`.
        names: of its parameters.
    """
    for name in names:
        nn.init.normal_(model.get_parameter(name))
