"""Inputs of a stopped run that were moved since: the same weights, the same images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from train_teacher.core.errors import UsageError, UserError
from train_teacher.core.file_digest import sha256_of
from train_teacher.inspection.facts import DatasetInfo
from train_teacher.runs.checkpoints import FoundCheckpoint
from train_teacher.runs.folder import RunFolder

SHOWN_FILES = 3
SHOWN_DIGITS = 12


def refuse_other_weights(file: Path, found: FoundCheckpoint) -> None:
    """Refuse a file that is not the base of a checkpoint; before the first one any base will do.

    Raises:
        UsageError: it is another one, or no file.
    """
    if not file.is_file():
        raise UsageError(f"--weights {file}: there is no such file.")
    if found.checkpoint is None:
        return
    if found.base is None:
        raise UsageError(
            f"--weights {file}: this run started from random weights and holds all of them: leave "
            "--weights out."
        )
    digest = sha256_of(file)
    if digest != found.base["sha256"]:
        raise UsageError(
            f"--weights {file}: is another file (SHA-256 {digest[:SHOWN_DIGITS]}) than the run was "
            f"trained on ({found.base['name']}, SHA-256 {found.base['sha256'][:SHOWN_DIGITS]}). "
            "The checkpoints hold only what training changed, so on other weights they would be "
            "meaningless. Give the file of the run, or start a new run in another folder."
        )


class _Image(msgspec.Struct):
    file_name: str


class _Images(msgspec.Struct):
    images: list[_Image]


def with_images_in(folder: RunFolder, info: DatasetInfo, before: Path, now: Path) -> DatasetInfo:
    """Return the facts of a run whose images were in `before` when it began, and are in `now`.

    Raises:
        UserError: images of the run are not there.
    """
    if not now.is_dir():
        raise UserError(f"--images {now}: there is no such folder.")
    splits = []
    for split in info.splits:
        content = msgspec.json.decode(
            (folder.data / f"{split.name}.json").read_bytes(), type=_Images
        )
        names = [image.file_name for image in content.images]
        old = Path(split.image_dir or before)
        place = _place_of(names, _candidates(old, before, now))
        splits.append(msgspec.structs.replace(split, image_dir=str(place)))
    return msgspec.structs.replace(info, image_dir=splits[0].image_dir, splits=tuple(splits))


def _candidates(old: Path, before: Path, now: Path) -> list[Path]:
    """Return possible folders for the images of a split, the likeliest first."""
    inside = [now / old.relative_to(before)] if old.is_relative_to(before) else []
    return [*inside, now, now / old.name]


def _place_of(names: Sequence[str], folders: Sequence[Path]) -> Path:
    missing = {folder: [name for name in names if not _is_in(folder, name)] for folder in folders}
    best = min(missing, key=lambda folder: len(missing[folder]))
    if missing[best]:
        raise UserError(
            f"--images: {len(missing[best])} of {len(names)} images of the run are not in {best} "
            f"({', '.join(missing[best][:SHOWN_FILES])}). Training would stop at them; give the "
            "folder with all of them."
        )
    return best


def _is_in(folder: Path, name: str) -> bool:
    return os.path.exists(os.path.join(folder, name))  # noqa: PTH110, PTH118 (one call per image)
