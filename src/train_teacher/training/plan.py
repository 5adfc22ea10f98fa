"""The main use case: plan a run from a COCO JSON, then train it into a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from train_teacher import __version__
from train_teacher.config import merge
from train_teacher.config.data_driven import with_decisions
from train_teacher.config.generate import GeneratedConfig, generate_mmdet_config, reasons_by_key
from train_teacher.config.model import frozen_parts
from train_teacher.config.plain import LANGUAGE_MODEL
from train_teacher.console.progress import Progress, progress_line
from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.errors import NotAtHandError, UsageError, UserError
from train_teacher.data import tiles as tiled
from train_teacher.data.manager import DataManager
from train_teacher.engine import machine
from train_teacher.engine.outer_launch import Others
from train_teacher.evaluation.forgetting import write_retained
from train_teacher.evaluation.labelled_images import LabelledImages, read_labelled
from train_teacher.images.tiles import tiling_of
from train_teacher.inspection.facts import DatasetInfo, Finding
from train_teacher.inspection.next_step import inspect_line
from train_teacher.prompts.language_model_files import obtain_language_model
from train_teacher.prompts.tokenizer import resolve_language_model
from train_teacher.reports.write import RunResult
from train_teacher.runs import folder as run_folder
from train_teacher.runs.edited_config import EditedConfig, with_edits
from train_teacher.runs.new_folder import new_folder
from train_teacher.settings.schema import TeacherSettings
from train_teacher.teachers import standalone_model
from train_teacher.training.run import start_training, write_plan
from train_teacher.weights.files import expected_weights, resolve_weights
from train_teacher.weights.missing import cannot_download, missing_files

INPUTS = ("data", "val", "test", "images", "retain", "retain_images")


@dataclass(frozen=True)
class TrainingPlan:
    """A complete plan of a run, before a file is written."""

    settings: TeacherSettings
    """Resolved: no `auto` and no automatic value is left open."""
    folder: run_folder.RunFolder
    manager: DataManager
    dataset_info: DatasetInfo
    """Facts about the canonical copies that will be trained on."""
    generated: GeneratedConfig
    config_text: str
    differences: Sequence[tuple[str, object, object]]
    """(dotted key, official recipe, this run)."""
    frozen: tuple[str, ...]
    retained: LabelledImages | None
    """Data on which forgetting is measured."""
    tiles: str = ""
    """Tiles that are trained on instead of whole images, and their disk space, in words."""
    edited: EditedConfig | None = None
    """The file of --mmdet-config."""


def plan_training(
    settings: TeacherSettings,
    *,
    manager: DataManager | None = None,
    edited: EditedConfig | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> TrainingPlan:
    """Inspect the data and the machine and decide everything; nothing is written.

    A dry run resolves neither weights nor language model beyond their names.

    Raises:
        UserError: the run folder is used, or data, weights or language model cannot be trained on.
    """
    folder = run_folder.check_free(Path(settings.output).resolve())
    manager = manager or data_manager(settings)
    info = manager.inspect()
    _refuse_errors(info, manager)
    info = msgspec.structs.replace(info, splits=manager.plan_splits(folder.data))
    tiles = ""
    if tiling := tiling_of(settings.tile, settings.overlap):
        copies = {name: manager.copy_of(name) for name in tiled.SPLITS}
        info, tiles = tiled.with_tiles(info, copies, tiling)
    retained = _retained(settings)
    asked = settings
    settings = _resolve(settings, folder, info, dry_run=dry_run, progress=progress)
    if edited:
        before, settings = settings, with_edits(info, settings, edited)
        asked = _with_changes(asked, before, settings)
    generated = generate_mmdet_config(info, settings)
    config = merge.build_config(generated)
    return TrainingPlan(
        settings=_with_schedule(settings, generated, asked),
        folder=folder,
        manager=manager,
        dataset_info=info,
        generated=generated,
        config_text=merge.render_config(
            config, config_header(settings), reasons_by_key(generated.overrides)
        ),
        differences=merge.differences_from(config, generated),
        frozen=frozen_parts(settings),
        retained=retained,
        tiles=tiles,
        edited=edited,
    )


def _with_changes(
    asked: TeacherSettings, before: TeacherSettings, after: TeacherSettings
) -> TeacherSettings:
    """Return the given settings, with those of the edited config."""
    names = [n for n in after.__struct_fields__ if getattr(after, n) != getattr(before, n)]
    return msgspec.structs.replace(asked, **{name: getattr(after, name) for name in names})


def train_teacher(plan: TrainingPlan, *, others: Others | None = None) -> RunResult:
    """Write the run folder, train, and write the results.

    Raises:
        UserError: the model could not be built, or the preflight failed. After this and any other
            failure before the first step and the first score the run folder is removed again, so
            that the same command can be repeated.
        KeyboardInterrupt: stopped by the user; the checkpoints written so far stay, and a folder
            without any step or score goes.
    """
    machine.resolve_device(plan.settings.device, plan.settings.precision)
    with new_folder(plan.folder.root) as new:
        _write_folder(run_folder.RunFolder(new.work), plan)
        new.complete(locked=True)
        try:
            training = start_training(plan.folder, plan.settings, others=others)
            return training.finish(plan.dataset_info)
        except (Exception, KeyboardInterrupt) as error:
            # What several processes tell may point to their log.
            if not plan.folder.has_results() and str(plan.folder.log) not in str(error):
                new.discard()
            raise


def _write_folder(folder: run_folder.RunFolder, plan: TrainingPlan) -> None:
    """Write the inputs of a run before it trains; after this it can be resumed."""
    folder.checkpoints.mkdir()
    folder.data.mkdir()
    plan.manager.write_splits(folder.data)
    if tiling := tiling_of(plan.settings.tile, plan.settings.overlap):
        turned = plan.settings.exif_orientation != "ignore"
        progress = progress_line("tiles")
        tiled.write_tiles(folder.data, plan.dataset_info, tiling, turned=turned, progress=progress)
    if plan.retained:
        write_retained(folder, plan.retained)
    if plan.settings.plain:
        standalone_model.write_language_model(
            folder.root / LANGUAGE_MODEL,
            Path(plan.settings.language_model),
            with_weights=plan.settings.weights == "none",
        )
    if plan.edited:
        write_atomically(folder.edited_config, plan.edited.text)
    write_plan(folder, plan.settings, plan.dataset_info, plan.config_text)


def data_manager(settings: TeacherSettings) -> DataManager:
    """Return the data that the settings name."""
    return DataManager(
        Path(settings.data),
        images=Path(settings.images) if settings.images else None,
        val=Path(settings.val) if settings.val else None,
        test=Path(settings.test) if settings.test else None,
        split=settings.split,
        group_by=settings.group_by,
        seed=settings.seed,
        class_prompts=settings.prompts,
        class_from=settings.class_from,
        encoding=settings.encoding,
        language_model=settings.language_model,
    )


def _retained(settings: TeacherSettings) -> LabelledImages | None:
    if settings.retain is None:
        if settings.retain_images:
            raise UsageError("--retain-images goes with --retain.")
        return None
    if settings.weights == "none":
        raise UsageError("--retain: random weights (--weights none) have nothing to forget.")
    images = Path(settings.retain_images) if settings.retain_images else None
    return read_labelled(Path(settings.retain), images)


def _refuse_errors(info: DatasetInfo, manager: DataManager) -> None:
    errors = [f for f in info.findings if f.severity == "error"]
    if errors:
        shown = "\n".join(_finding_line(finding) for finding in errors)
        raise UserError(
            f"{info.path}: {len(errors)} kinds of errors would make training wrong:\n{shown}\n"
            f"See them all: {inspect_line(manager.request)}"
        )


def _finding_line(finding: Finding) -> str:
    place = f" ({finding.examples[0].path})" if finding.examples else ""
    return f"  {finding.code}: {finding.message}{place}\n      {finding.consequence} {finding.fix}"


def _resolve(
    settings: TeacherSettings,
    folder: run_folder.RunFolder,
    info: DatasetInfo,
    *,
    dry_run: bool,
    progress: Progress | None,
) -> TeacherSettings:
    if settings.plain and settings.gpus > 1 and not machine.has_gpu(settings.device):
        raise UsageError(
            f"--plain --gpus {settings.gpus}: MMEngine's own Runner joins processes on GPUs only. "
            "On a CPU leave --gpus out."
        )
    machine.require_loggers(tensorboard=settings.tensorboard, wandb=bool(settings.wandb))
    given = {name: getattr(settings, name) for name in INPUTS}
    workers = settings.workers
    if workers is None:
        workers = machine.choose_workers(info.splits[0].num_images, settings.device, settings.gpus)
    if dry_run:
        weights = expected_weights(settings.weights, settings.checkpoint)
        language_model = _language_model_or_name(settings.language_model)
    else:
        weights, language_model = _downloaded(settings, progress)
    return msgspec.structs.replace(
        settings,
        **{name: str(Path(path).resolve()) if path else None for name, path in given.items()},
        output=str(folder.root),
        weights=str(weights) if weights else "none",
        language_model=language_model,
        precision=machine.resolve_precision(settings.precision, settings.device),
        workers=workers,
        val_batch_size=settings.val_batch_size or _validation_batch(settings),
    )


def _downloaded(settings: TeacherSettings, progress: Progress | None) -> tuple[Path | None, str]:
    """Get weights and language model; everything missing is reported at once."""
    try:
        language_model = str(obtain_language_model(settings.language_model))
        return (
            resolve_weights(settings.weights, settings.checkpoint, progress=progress),
            language_model,
        )
    except NotAtHandError as error:
        missing = missing_files(settings)
        if len(missing) == 1:
            raise
        raise cannot_download(missing, settings.model, error.cause) from error


def _validation_batch(settings: TeacherSettings) -> int:
    # MMDetection pads the images of a batch, and with it changes what is found in them.
    return 1 if settings.plain else machine.choose_validation_batch(settings.device)


def _language_model_or_name(value: str) -> str:
    """Return the folder when it is available; a dry run must not need it."""
    try:
        return str(resolve_language_model(value))
    except UserError:
        return value


def _with_schedule(
    settings: TeacherSettings, generated: GeneratedConfig, asked: TeacherSettings
) -> TeacherSettings:
    """Fill in the generator's choices, and record those that the user did not make."""
    schedule = generated.schedule
    epochs = None if settings.steps else schedule.epochs
    closed = msgspec.structs.replace(
        with_decisions(settings, generated.decisions),
        epochs=epochs,
        val_interval=schedule.val_interval,
        lr=schedule.lr,
    )
    chosen = {
        name
        for name in closed.__struct_fields__
        if getattr(asked, name) is None and getattr(closed, name) is not None
    }
    if asked.precision == "auto":
        chosen.add("precision")
    everything = sorted(chosen | set(settings.decided.chosen))
    decided = msgspec.structs.replace(settings.decided, chosen=everything)
    return msgspec.structs.replace(closed, decided=decided)


def config_header(settings: TeacherSettings) -> str:
    """Return the comment at the top of a generated config."""
    start = (
        f"Generated by train-teacher {__version__}\n"
        f"from {settings.base_config} of MMDetection 3.3.0.\n"
    )
    if settings.plain:
        return (
            f"{start}Every type is MMDetection's, MMEngine's or mmcv's: its tools/train.py and "
            "tools/test.py\nrun this file, and the data that it names, without train-teacher."
        )
    return (
        f"{start}Its tools/train.py runs this file too, and tools/test.py with a checkpoint (where "
        "mmcv\nis mmcv-lite: python -m train_teacher.mmdet_plugin PATH/tools/test.py ...)."
    )
