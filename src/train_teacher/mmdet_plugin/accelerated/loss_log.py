"""Loss values that are read from the device with one sync, when they are needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor


class LossLog(Mapping[str, float]):
    """The losses of a step for the log.

    MMEngine reads each of some forty scalars with an `.item()` of its own (message_hub.py:346).
    Here they start toward the host as one tensor when they are known, and are read after the
    optimizer step, when they have long arrived.
    """

    def __init__(self, names: Sequence[str], values: Tensor) -> None:
        """Start the transfer of values (losses,)."""
        self._names = tuple(names)
        self._event: torch.cuda.Event | None = None
        self._floats: dict[str, float] | None = None
        values = self._values = values.detach()
        if values.device.type == "cuda":
            self._host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
            self._host.copy_(values, non_blocking=True)
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._event.record()
        else:
            self._host = values

    def mean(self) -> LossLog:
        """Return the means over all processes; each has to ask for them."""
        values = self._values.clone()
        # On the device, before anything is read: no more waiting than without.
        all_reduce(values, "mean")
        return LossLog(self._names, values)

    def __getitem__(self, name: str) -> float:
        """Return one loss."""
        if self._floats is None:
            if self._event is not None:
                self._event.synchronize()
            self._floats = dict(zip(self._names, self._host.tolist(), strict=True))
        return self._floats[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self._names)

    def __len__(self) -> int:
        """Return the number of losses."""
        return len(self._names)


def averaged(losses: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the losses of a step over all processes: those of the whole batch, for the log.

    A process's losses are its sums divided by the mean number of objects of a process
    (DETRHead.loss_by_feat), so that their mean is the loss of the whole batch.

    Args:
        losses: of this process; what is no `LossLog` stays, its names may differ among them.
    """
    if get_world_size() > 1 and isinstance(losses, LossLog):
        return losses.mean()
    return losses
