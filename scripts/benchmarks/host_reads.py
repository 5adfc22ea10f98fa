"""Counting how often a training step makes the host wait for a value on the device.

Every `.item()`, `bool(tensor)`, `nonzero`, `unique` or copy to the CPU drains the queue of a GPU.
The same calls are made on CPU, so that the count is known without a GPU.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
# Operators whose result, or whose result's shape, the host has to wait for.
WAITING = {
    aten._local_scalar_dense.default: "scalar",
    aten.nonzero.default: "nonzero",
    aten.masked_select.default: "masked_select",
    aten._unique2.default: "unique",
    aten.unique_dim.default: "unique",
    aten.equal.default: "equal",
}
COPIES = {aten._to_copy.default, aten.copy_.default}
# Methods that on CPU read the memory without an operator.
DIRECT_READS = ("tolist", "numpy")


class HostReads:
    """Counts reads of tensor values by the host while it is active.

    Values that were never on the training device (a tokenizer's output, say) count too when they
    are read through a tensor operator: on CPU there is no telling them apart.
    """

    def __init__(self) -> None:
        """Start at zero."""
        self.kinds: Counter[str] = Counter()
        self._modes = ExitStack()

    @property
    def total(self) -> int:
        """Return the number of reads."""
        return sum(self.kinds.values())

    def __enter__(self) -> HostReads:
        """Begin to count."""
        self._modes.enter_context(_method_reads(self.kinds))
        self._modes.enter_context(_OperatorReads(self.kinds))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop counting."""
        self._modes.__exit__(kind, error, trace)


@contextmanager
def _method_reads(kinds: Counter[str]) -> Iterator[None]:
    # A TorchFunctionMode would see them too, but it changes what checkpointed layers keep.
    stock = {name: getattr(torch.Tensor, name) for name in DIRECT_READS}

    def counting(name: str) -> Callable[..., Any]:
        def method(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
            if tensor.device.type == "cpu":
                kinds[name] += 1
            return stock[name](tensor, *args, **kwargs)

        return method

    for name in DIRECT_READS:
        setattr(torch.Tensor, name, counting(name))
    try:
        yield
    finally:
        for name in DIRECT_READS:
            setattr(torch.Tensor, name, stock[name])


class _OperatorReads(TorchDispatchMode):
    def __init__(self, kinds: Counter[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._kinds = kinds

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in WAITING:
            self._kinds[WAITING[func]] += 1
        elif func in COPIES and _to_host(func, args, result):
            self._kinds["copy to host"] += 1
        return result


def _to_host(func: Any, args: Sequence[Any], result: torch.Tensor) -> bool:
    source = args[1] if func is aten.copy_.default else args[0]
    return bool(source.device.type != "cpu" and result.device.type == "cpu")
