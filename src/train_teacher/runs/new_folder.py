"""A new folder that is complete or absent, whenever the process that makes it is killed.

It is written beside its place, as `.NAME.partial`, and renamed once it is complete. A folder that
is there already and empty may be a mount point, or lie where we may not write: its content is
written into `.unfinished` in it and moved up once it is complete, so that a file which its owner
puts there meanwhile is never taken for ours.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from train_teacher.core.atomic_file import PARTIAL, remove
from train_teacher.core.errors import UserError
from train_teacher.runs.folder import MOVING, UNFINISHED, RunFolder, moved_names, refuse_used
from train_teacher.runs.lock import LOCK_FILES, NAME, HeldFolder, run_lock


@dataclass
class NewFolder:
    """A folder that this process makes and holds exclusively meanwhile."""

    root: Path
    """Final place of the folder."""
    held: HeldFolder
    work: Path
    """Folder to write to: beside `root` or in it until the folder is complete."""
    settled: bool = False
    """True when it is complete or was given up."""

    def complete(self, *, locked: bool) -> None:
        """Move the folder into its place.

        Args:
            locked: whether it stays this process's own, with the lock in it.

        Raises:
            UserError: another process wrote there meanwhile, or the system refuses.
        """
        try:
            if not locked:
                (self.held.path / NAME).unlink(missing_ok=True)
            if self.held.path == self.root:
                refuse_used(self.root)
                _move_up(self.work, self.root)
            else:
                self.work.rename(self.root)
        except OSError as error:
            refuse_used(self.root)
            raise UserError(f"--output {self.root}: cannot be made: {error.strerror}.") from error
        self.held.path = self.work = self.root
        self.settled = True

    def discard(self) -> None:
        """Remove the folder, complete or not; a kill meanwhile leaves no half."""
        self.settled = True
        # The error that ended the work must be reported, even where nothing can be removed.
        with suppress(OSError):
            if self.work == self.root:
                foreign = RunFolder(self.root).foreign_names()
                if foreign:
                    for entry in self.root.iterdir():
                        if entry.name not in (*foreign, *LOCK_FILES):
                            remove(entry)
                    return
                self.work = self.held.path = self.root.rename(_beside(self.root))
        if self.work != self.root:
            shutil.rmtree(self.work, ignore_errors=True)


@contextmanager
def new_folder(root: Path) -> Iterator[NewFolder]:
    """Reserve the place of a new folder; unfinished files of a killed process are removed.

    Args:
        root: does not exist, or is empty.

    Yields:
        An empty folder to write into; one that is not complete at the end is removed.

    Raises:
        UserError: the place is used, another process writes there, or the system refuses.
    """
    in_place = root.is_dir()
    place = root if in_place else _beside(root)
    work = root / UNFINISHED if in_place else place
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output {root}: cannot be created: {error.strerror}.") from error
    with run_lock(place, root) as held:
        new = NewFolder(root, held, work)
        if in_place:
            _take_back(work, root)
        try:
            # Planning takes minutes, in which another run may have come.
            refuse_used(root)
        except UserError:
            new.discard()
            raise
        work.mkdir(exist_ok=True)
        for entry in work.iterdir():
            if entry.name not in LOCK_FILES:
                remove(entry)
        try:
            yield new
        finally:
            if not new.settled:
                new.discard()


def _beside(root: Path) -> Path:
    return root.with_name(f".{root.name}{PARTIAL}")


def _move_up(work: Path, root: Path) -> None:
    names = [entry.name for entry in work.iterdir()]
    (work / MOVING).write_text(json.dumps(names), encoding="utf-8")
    (work / MOVING).rename(root / MOVING)
    for name in names:
        (work / name).rename(root / name)
    work.rmdir()
    (root / MOVING).unlink()


def _take_back(work: Path, root: Path) -> None:
    """Undo a `_move_up` whose process was killed."""
    for name in moved_names(root):
        work.mkdir(exist_ok=True)
        if (root / name).exists():
            (root / name).rename(work / name)
    (root / MOVING).unlink(missing_ok=True)
