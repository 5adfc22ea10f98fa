"""A new folder that is whole or not there, whenever the process that makes it is killed.

It is written beside its place, as `.NAME.partial`, and renamed once it is complete. A folder that
is there already and empty may be a mount point, or lie where we may not write: it is filled in
place, under a mark which says that what is in it is the beginning of a folder and nothing else.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from train_teacher.core.atomic_file import PARTIAL, remove
from train_teacher.core.errors import UserError
from train_teacher.runs.folder import UNFINISHED, refuse_used
from train_teacher.runs.lock import LOCK_FILES, NAME, HeldFolder, run_lock


@dataclass
class NewFolder:
    """A folder that this process makes, and that nobody else may touch meanwhile."""

    root: Path
    """Where it will lie."""
    held: HeldFolder
    settled: bool = False
    """Whether it is complete or was given up."""

    @property
    def work(self) -> Path:
        """Where to write: `root`, or beside it until the folder is complete."""
        return self.held.path

    def complete(self, *, locked: bool) -> None:
        """Put the folder into its place.

        Args:
            locked: whether it stays this process's own, with the lock in it.

        Raises:
            UserError: somebody else wrote there meanwhile, or the system refuses.
        """
        try:
            if not locked:
                (self.work / NAME).unlink(missing_ok=True)
            (self.work / UNFINISHED).unlink()
            if self.work != self.root:
                self.work.rename(self.root)
        except OSError as error:
            refuse_used(self.root)
            raise UserError(f"--output {self.root}: cannot be made: {error.strerror}.") from error
        self.held.path = self.root
        self.settled = True

    def discard(self) -> None:
        """Remove the folder, complete or not, so that a kill meanwhile leaves no half of one."""
        self.settled = True
        if self.work == self.root:
            try:
                self.held.path = self.root.rename(_beside(self.root))
            except OSError:
                # What ended the work is to be told, also where nothing can be removed any more.
                with suppress(OSError):
                    _empty(self.root)
                    (self.root / UNFINISHED).unlink()
                return
        shutil.rmtree(self.work, ignore_errors=True)


@contextmanager
def new_folder(root: Path) -> Iterator[NewFolder]:
    """Hold the place of a new folder; what a killed process began there is removed.

    Args:
        root: does not exist, or is empty.

    Yields:
        An empty folder to write into; one that is not complete at the end is removed.

    Raises:
        UserError: the place is used, another process writes there, or the system refuses.
    """
    work = root if root.is_dir() else _beside(root)
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output {root}: cannot be created: {error.strerror}.") from error
    with run_lock(work, root) as held:
        new = NewFolder(root, held)
        try:
            # Planning takes minutes, in which another run may have come.
            refuse_used(root)
        except UserError:
            if work != root:
                new.discard()
            raise
        _empty(work)
        try:
            yield new
        finally:
            if not new.settled:
                new.discard()


def _beside(root: Path) -> Path:
    return root.with_name(f".{root.name}{PARTIAL}")


def _empty(folder: Path) -> None:
    """Mark a folder as unfinished, and remove everything else but its lock."""
    mark = folder / UNFINISHED
    mark.touch()
    for entry in folder.iterdir():
        if entry != mark and entry.name not in LOCK_FILES:
            remove(entry)
