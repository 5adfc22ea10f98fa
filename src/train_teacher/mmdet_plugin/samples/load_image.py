"""Loading of images that may be missing or damaged since the inspection."""

from __future__ import annotations

import sys
from typing import Any

import cv2
from mmcv.transforms import LoadImageFromFile
from mmdet.registry import TRANSFORMS

from train_teacher.core.errors import UserError
from train_teacher.core.terminal_text import plain

MOST_SKIPPED = 20
"""Images that a loading process may skip; after that a disk or a folder is gone."""
MOST_IN_A_ROW = 200
"""Failures without a success between them; after 1,000 MMEngine gives up without a reason
(base_dataset.py, max_refetch)."""


class UnreadableImageError(UserError):
    """An image that is needed cannot be read."""

    def __init__(self, message: str, path: str, reason: str) -> None:
        """Keep the file and its error."""
        super().__init__(message)
        self.path = path
        self.reason = reason


@TRANSFORMS.register_module()
class LoadPicture(LoadImageFromFile):
    """LoadImageFromFile that names the file; in training another image is taken instead."""

    def __init__(self, *, skip_unreadable: bool = False, **kwargs: Any) -> None:
        """Create the transform; `skip_unreadable` takes another image instead of stopping."""
        super().__init__(**kwargs)
        self.skip_unreadable = skip_unreadable
        self._skipped: set[str] = set()
        self._in_a_row = 0

    def transform(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Load the image.

        Raises:
            UserError: it cannot be read, and validation needs it or too many others were skipped.
        """
        path = str(results["img_path"])
        try:
            loaded: dict[str, Any] | None = super().transform(results)
        except (OSError, ValueError, SyntaxError, AssertionError, cv2.error) as error:
            self._in_a_row += 1
            self._refuse(path, _reason(error))
            return None
        self._in_a_row = 0
        return loaded

    def _refuse(self, path: str, reason: str) -> None:
        if not self.skip_unreadable:
            raise UnreadableImageError(
                f"{path}: the image cannot be read ({reason}). Without it the validation would "
                "not be that of the other epochs. Put it back, then continue with --resume.",
                path,
                reason,
            )
        known = path in self._skipped
        self._skipped.add(path)
        if len(self._skipped) > MOST_SKIPPED or self._in_a_row > MOST_IN_A_ROW:
            raise UserError(
                f"{len(self._skipped)} images can no longer be read, the last is {path} "
                f"({reason}). Is the disk or the network folder still there? Put them back, then "
                "continue with --resume."
            )
        if known:
            return
        print(  # noqa: T201 - loader processes have no logger
            plain(
                f"\nwarning: {path}: the image cannot be read ({reason}); another one is "
                "used instead"
            ),
            file=sys.stderr,
            flush=True,
        )


def _reason(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, AssertionError):
        return "it is damaged or not an image"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
