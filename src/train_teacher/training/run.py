"""A run from its written folder on: start or resume it, and write the results."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from train_teacher import __version__
from train_teacher.console import progress
from train_teacher.console.progress import progress_line
from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.errors import UserError
from train_teacher.core.words import one_line
from train_teacher.engine import launcher, machine, process
from train_teacher.engine import runner as mmengine_runner
from train_teacher.engine.outer_launch import Others
from train_teacher.engine.upstream_files import adopt_upstream_files
from train_teacher.evaluation.final import score_test_split
from train_teacher.evaluation.forgetting import score_retained
from train_teacher.inspection.facts import DatasetInfo
from train_teacher.reports.final_scores import FinalScores
from train_teacher.reports.write import (
    RunFacts,
    RunResult,
    gather_run_facts,
    write_run_results,
)
from train_teacher.runs.folder import RunFolder
from train_teacher.runs.record import write_record
from train_teacher.scores.thresholds import measure_thresholds
from train_teacher.settings import yaml_files
from train_teacher.settings.schema import TeacherSettings
from train_teacher.teachers import adapter_folder
from train_teacher.teachers.card import describe_teacher
from train_teacher.teachers.run_config import run_config

LONGEST_REASON = 300
"""Characters."""


@dataclass(frozen=True)
class Training:
    """A run that is ready to train."""

    folder: RunFolder
    settings: TeacherSettings
    train: Callable[[], int]
    """Trains to the end and returns the optimizer steps done."""
    detector: Callable[[], Any]
    """Returns the model of the run."""

    def finish(self, dataset_info: DatasetInfo) -> RunResult:
        """Train, score the test split, and write plots, results and report.

        Raises:
            UserError: training cannot continue; the checkpoints written so far stay.
            KeyboardInterrupt: asked to stop; the state is saved.
        """
        started = time.monotonic()
        steps = self.train()
        # MMEngine's own lines do not tell the time, and such a run has one start.
        seconds = time.monotonic() - started if self.settings.plain else None
        facts = gather_run_facts(self.folder, dataset_info, self.settings, steps, seconds)
        test: FinalScores | None = None
        failure, retained = "", None
        try:
            if self.settings.tune == "lora":
                self._write_adapter(facts)
            test, failure = self._score_test(facts)
            if self.settings.retain:
                retained = score_retained(*self._scored(facts), progress_line("retained images"))
        finally:
            # Also when one of them fails, which must not cost the results.
            result = write_run_results(self.folder, facts, test, failure, retained)
        return result

    def _scored(self, facts: RunFacts) -> tuple[RunFolder, TeacherSettings, DatasetInfo, str]:
        device = machine.resolve_device(self.settings.device, "fp32")
        return self.folder, self.settings, facts.dataset_info, device

    def _score_test(self, facts: RunFacts) -> tuple[FinalScores | None, str]:
        """Return the scores on the test split, or the reason why there are none despite a split."""
        threshold = facts.best.analysis.threshold if facts.best else None
        try:
            return score_test_split(
                *self._scored(facts), threshold, progress_line("test images")
            ), ""
        # PyTorch tells of a full GPU with a RuntimeError.
        except (UserError, OSError, RuntimeError, MemoryError) as error:
            progress.close()
            return None, one_line(str(error), LONGEST_REASON)

    def _write_adapter(self, facts: RunFacts) -> None:
        model = self.detector()
        config = run_config(self.folder, self.settings, facts.dataset_info)
        card = describe_teacher(
            facts.dataset_info,
            self.settings,
            facts.summary,
            base=adapter_folder.base_of(model),
            preprocessing=adapter_folder.preprocessing_of(
                config.model.to_dict(), self.settings.val_scale or []
            ),
            score_threshold=facts.best.analysis.threshold if facts.best else None,
            thresholds=measure_thresholds(
                facts.best.detections, facts.truth.truth, facts.dataset_info.num_classes
            )
            if facts.best
            else None,
        )
        best = self.folder.best_checkpoint()
        adapter_folder.write_adapter(self.folder.adapter, model, best, card)


def start_training(
    folder: RunFolder,
    settings: TeacherSettings,
    resume_from: Path | None = None,
    others: Others | None = None,
) -> Training:
    """Build the model, or prepare the processes that will.

    Raises:
        UserError: the model and its checkpoint do not fit.
    """
    if settings.gpus > 1 and others is None:

        def train_together() -> int:
            with _adopted(folder, settings):
                launcher.run_processes(folder.root, settings.gpus, resume_from)
            return _last_step(folder)

        return Training(
            folder,
            settings,
            train_together,
            lambda: mmengine_runner.detector_of(mmengine_runner.build_runner(folder.config)),
        )
    with mmengine_runner.stdout_to_log(folder.log):
        if others:
            others.tell(folder.root, resume_from)
        kind = others.launcher.kind if others else "none"
        runner = mmengine_runner.build_runner(folder.config, launcher=kind, resume_from=resume_from)

    def train() -> int:
        with _adopted(folder, settings):
            return process.train(runner, folder.log)

    return Training(
        folder,
        settings,
        train,
        lambda: mmengine_runner.detector_of(runner),
    )


@contextmanager
def _adopted(folder: RunFolder, settings: TeacherSettings) -> Iterator[None]:
    """Rename the files of MMEngine's own Runner to those of a run folder, however training ends."""
    try:
        yield
    finally:
        if settings.plain:
            adopt_upstream_files(folder)


def _last_step(folder: RunFolder) -> int:
    records = folder.read_metrics()
    return max((int(r["step"]) for r in records if r.get("kind") == "train"), default=0)


def write_plan(
    folder: RunFolder, settings: TeacherSettings, info: DatasetInfo, config_text: str
) -> None:
    """Write the config, the settings and the facts of a run."""
    write_atomically(folder.config, config_text)
    write_atomically(folder.settings, _settings_text(settings))
    facts = msgspec.json.format(msgspec.json.encode(info), indent=2)
    write_atomically(folder.dataset_info, facts)
    write_record(folder, settings, config_text)


def _settings_text(settings: TeacherSettings) -> str:
    values = {
        name: value
        for name, value in msgspec.to_builtins(settings).items()
        if name != "output" and value is not None
    }
    file = RunFolder(Path(settings.output)).settings
    header = (
        f"Every setting of this run (train-teacher {__version__}). Repeat it with\n"
        f"  train-teacher --config {shlex.quote(str(file))} --output ANOTHER_FOLDER\n"
        "`extends: null`: nothing is taken from a preset, so nothing can change beneath it.\n"
        "`decided`: what train-teacher chose itself; everything else was given, or is a default."
    )
    return yaml_files.render_settings({yaml_files.EXTENDS: None, **values}, header)
