"""Out-of-memory errors: recognized from any library, and met with smaller batches in prediction."""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from mmengine.dist import is_main_process
from mmengine.logging import MMLogger

from train_teacher.core.errors import UserError
from train_teacher.core.terminal_text import plain
from train_teacher.failures.patterns import MEMORY_FULL

Result = TypeVar("Result")


def unless_memory_is_full(work: Callable[[], Result]) -> Result | None:
    """Return what `work` returns; None when the memory ran out.

    PyTorch's own allocator raises a type for it; cuDNN, cuBLAS, the driver and the CPU's allocator
    only say so. Nothing is kept of the exception: its traceback holds the activations.

    Args:
        work: returns something else than None.
    """
    try:
        return work()
    except (RuntimeError, MemoryError) as error:
        if not says_memory_is_full(error):
            raise
        return None


def says_memory_is_full(error: Exception) -> bool:
    """Return whether an error means that the memory ran out."""
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and bool(re.search(MEMORY_FULL, str(error), re.I))


def give_back() -> None:
    """Release cached memory that is not in use."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class ImageByImage:
    """Predicts a batch at once, and one image at a time after the memory ran out."""

    def __init__(self) -> None:
        """Start with whole batches."""
        self.needed = False

    def __call__(
        self, predict: Callable[[Mapping[str, Any]], list[Any]], data: Mapping[str, Any]
    ) -> list[Any]:
        """Return the predictions of all images of a batch.

        Args:
            predict: gives one prediction for each image.
            data: `inputs` and `data_samples`, one item an image.

        Raises:
            UserError: the memory does not hold a single image.
        """
        count = len(data["data_samples"])
        if not self.needed:
            whole = unless_memory_is_full(lambda: predict(data))
            if whole is not None:
                return whole
            give_back()
            if count > 1:
                self.needed = True
                _tell(
                    f"out of memory with {count} images at once: predicting one at a time from "
                    "now on. The results are the same; it takes longer."
                )
        return [found for place in range(count) for found in self._single(predict, data, place)]

    def _single(
        self,
        predict: Callable[[Mapping[str, Any]], list[Any]],
        data: Mapping[str, Any],
        place: int,
    ) -> list[Any]:
        part = {name: values[place : place + 1] for name, values in data.items()}
        found = unless_memory_is_full(lambda: predict(part))
        if found is None:
            image = data["data_samples"][place].metainfo.get("img_path")
            raise UserError(
                f"{image}: the memory is full while this single image is predicted. The last "
                "checkpoint is kept. Use a smaller `val_scale` in a --config file; on a GPU, "
                "nvidia-smi shows whether another program holds its memory."
            )
        return found


def _tell(text: str) -> None:
    MMLogger.get_current_instance().info(text)
    if is_main_process():
        print(plain(text), file=sys.stderr, flush=True)  # noqa: T201 - this is the terminal output
