"""Protection of input files from being overwritten by a report or a copy."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from train_teacher.core.errors import UsageError


def refuse_input(target: Path, inputs: Iterable[Path | str], option: str) -> None:
    """Refuse to overwrite an input file; `option` is how the user gave it.

    Raises:
        UsageError: the target is one of them, directly or through links.
    """
    if not os.path.lexists(target):
        return
    places = {_place(target), os.path.realpath(target)}
    for given in inputs:
        # Also the file behind a link, and the link to the file: either would be lost.
        if _place(given) in places or (
            Path(given).is_symlink() and os.path.realpath(given) in places
        ):
            raise UsageError(
                f"{option} {target}: this file is there already, and is read as {given}; it would "
                "be lost. Nothing was written; give another name."
            )


def _place(path: Path | str) -> str:
    """Return where a name is, links of its folders followed but not its own."""
    folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100 (a call per image)
    return os.path.join(_real_folder(folder), name)  # noqa: PTH118 (the same)


@lru_cache(maxsize=4096)
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)
