"""Training in processes of an outer launcher: the first one plans, the others follow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from train_teacher.engine import (
    outer_launcher,
    process,
)
from train_teacher.engine import (
    runner as mmengine_runner,
)
from train_teacher.runs.folder import RunFolder
from train_teacher.runs.lock import training_lock

EXIT_FAILED = 1


class Others:
    """The processes that train with this one."""

    def __init__(self, launcher: outer_launcher.OuterLauncher) -> None:
        """Connect with them."""
        mmengine_runner.silence_upstream()
        self.launcher = launcher
        self.told = False
        outer_launcher.join(launcher)

    def tell(self, folder: Path, resume_from: Path | None) -> None:
        """Let the others build the same model."""
        self.told = True
        outer_launcher.tell(outer_launcher.Plan(folder, resume_from))

    def follow(self) -> int:
        """Train as the first process says, and return the exit code."""
        plan = outer_launcher.hear()
        if plan is None:
            return EXIT_FAILED
        folder = RunFolder(plan.folder)
        with training_lock(folder.root):
            with mmengine_runner.stdout_to_log(folder.log):
                runner = mmengine_runner.build_runner(
                    folder.config, launcher=self.launcher.kind, resume_from=plan.resume_from
                )
            process.train(runner, folder.log)
        return 0


@contextmanager
def among_others() -> Iterator[Others | None]:
    """Return the processes that were started with this one, None when it is alone.

    When the leading process fails before it has a plan, the others end too.
    """
    launcher = outer_launcher.outer_launcher()
    if launcher is None:
        yield None
        return
    others = Others(launcher)
    try:
        yield others
    finally:
        if launcher.leads and not others.told:
            outer_launcher.tell(None)
    mmengine_runner.leave_others()
