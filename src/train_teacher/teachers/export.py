"""Export of a run: an adapter, or a complete model."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import msgspec

from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.errors import UsageError, UserError
from train_teacher.core.json_file import read_json
from train_teacher.engine import runner
from train_teacher.inspection.facts import DatasetInfo
from train_teacher.pages.page import render_text
from train_teacher.prompts.tokenizer import resolve_language_model
from train_teacher.reports.facts import RunReport
from train_teacher.reports.summary import RunSummary, summarize_run
from train_teacher.runs.folder import CARD, RunFolder, check_free
from train_teacher.runs.new_folder import new_folder
from train_teacher.runs.work_dir import find_work_dir, read_work_dir
from train_teacher.scores.detections import Detections
from train_teacher.scores.thresholds import Thresholds, measure_thresholds
from train_teacher.scores.validation_files import read_detections, read_truth
from train_teacher.settings.read import preset_settings, read_layers
from train_teacher.settings.schema import TeacherSettings
from train_teacher.teachers import adapter_folder, standalone_model
from train_teacher.teachers.card import TeacherCard, card_text, describe_teacher
from train_teacher.teachers.hub_bundle import HubBundle, fill_hub_adapter, fill_hub_bundle
from train_teacher.teachers.onnx_bundle import canvas_of, fill_onnx_bundle, require_packages
from train_teacher.teachers.run_config import run_config
from train_teacher.weights.files import expected_weights

Kind = Literal["adapter", "changes", "merged", "transformers", "hub_adapter", "onnx"]
Format = Literal["mmdet", "transformers", "onnx"]
COMPARED_IMAGES = 3
"""At every export for transformers; one would do, three show more."""
MODEL_CARD = "teachers/model_card.md.j2"
"""README.md of a bundle: what it is, on which data, how well, how to load it."""


@dataclass(frozen=True)
class ExportResult:
    """Files that were written."""

    folder: Path
    kind: Kind
    size: int
    """Bytes of all files."""
    base: Mapping[str, str]
    """Options that name what the bundle needs and its preset does not lead to."""


@dataclass(frozen=True)
class FinishedRun:
    """A run folder, read."""

    folder: RunFolder
    settings: TeacherSettings
    dataset_info: DatasetInfo
    summary: RunSummary
    results: RunReport | None
    """Results of the run, where it has come so far."""
    checkpoint: Path
    """Its best, or a blend of that and the base."""
    threshold: float | None
    """Score that balanced precision and recall at validation, if the run says."""
    blend: float | None = None
    """Share of the training in a blend."""
    found: Detections | None = None
    """A blend's detections in the validation split; those of the best checkpoint are in the run."""

    @cached_property
    def thresholds(self) -> Thresholds | None:
        """Counts of the validation split at other scores, None where it was not kept.

        Raises:
            UserError: the labels of the split are gone.
        """
        found = self.found or read_detections(self.folder.detections_best)
        if found is None:
            return None
        truth = read_truth(self.folder.data / "val.json").truth
        return measure_thresholds(found, truth, self.dataset_info.num_classes)


def export_teacher(
    run: Path,
    output: Path,
    *,
    merge: bool = False,
    half: bool = False,
    form: Format = "mmdet",
) -> ExportResult:
    """Write a bundle from a run's best checkpoint; see `export_run`.

    Raises:
        UserError: RUN is no run with a checkpoint, or see `export_run`.
        UsageError: half an ONNX file is asked for.
    """
    if form == "onnx":
        require_packages()
        if half:
            raise UsageError("--half: an ONNX file is written with 32 bits a number.")
    return export_run(read_run(run), output, merge=merge, half=half, form=form)


def export_run(
    finished: FinishedRun,
    output: Path,
    *,
    merge: bool = False,
    half: bool = False,
    form: Format = "mmdet",
) -> ExportResult:
    """Write a bundle from a run's checkpoint.

    A merged bundle is complete and needs no base; so is one for transformers except an adapter,
    and ONNX always. `half` stores 16 bits a number.

    Raises:
        UserError: its base is gone, OUTPUT is used, or the outputs in transformers or
            onnxruntime differ from the teacher's.
    """
    settings, info = finished.settings, finished.dataset_info
    target = check_free(output.resolve()).root
    runner.silence_logger()
    config = run_config(finished.folder, settings, info)
    # Read before building: the registry takes the config apart.
    built_from = config.model.to_dict()
    preprocessing = adapter_folder.preprocessing_of(built_from, settings.val_scale or [])
    plain = standalone_model.plain_config(
        standalone_model.plain_model(settings, built_from),
        config.val_dataloader.dataset.to_dict()["pipeline"],
        info.class_names,
    )
    checkpoint = finished.checkpoint
    # MMEngine's logger writes to stdout, which is for results.
    with redirect_stdout(sys.stderr):
        model = standalone_model.build_trained_detector(config, checkpoint)
    card = describe_teacher(
        info,
        settings,
        finished.summary,
        base=adapter_folder.base_of(model),
        preprocessing=preprocessing,
        score_threshold=finished.threshold,
        thresholds=finished.thresholds,
        test=finished.results.test if finished.results else None,
        blend=finished.blend,
    )
    kind: Kind = "merged" if merge else "adapter" if settings.tune == "lora" else "changes"
    if form == "transformers":
        kind = "hub_adapter" if kind == "adapter" and card.base else "transformers"
    elif form == "onnx":
        kind = "onnx"
    with new_folder(target) as new:
        if form != "mmdet":
            entries = _image_entries(finished)
            images = _some_images(finished, entries)
            bundle = HubBundle(model, built_from, card, Path(settings.language_model), images)
            if kind == "onnx":
                sizes = [(i["height"], i["width"]) for own in entries.values() for i in own]
                sizes += [(settings.tile, settings.tile)] if settings.tile else []
                card = fill_onnx_bundle(new.work, bundle, canvas_of(sizes, preprocessing.scale))
            elif kind == "hub_adapter":
                card = fill_hub_adapter(new.work, bundle, checkpoint, half=half)
            else:
                card = fill_hub_bundle(new.work, bundle, half=half)
        elif kind == "adapter":
            adapter_folder.fill_adapter(new.work, model, checkpoint, card, half=half)
        else:
            _write_weights(new.work, kind, finished, model, plain, card, half=half)
        readme = render_text(
            MODEL_CARD,
            card=card,
            info=info,
            summary=finished.summary,
            verdict=finished.results.verdict if finished.results else None,
            kind=kind,
            name=target.name,
            half=half,
        )
        write_atomically(new.work / "README.md", readme)
        new.complete(locked=False)
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    return ExportResult(target, kind, size, {} if merge else _base_options(settings))


def _base_options(settings: TeacherSettings) -> dict[str, str]:
    used = {"weights": settings.weights, "language_model": settings.language_model}
    try:
        preset = preset_settings(settings.model, {})
        known = {
            "weights": str(expected_weights(preset.weights, preset.checkpoint)),
            "language_model": str(resolve_language_model(preset.language_model)),
        }
    except UserError:  # the preset is not there any more, or its files
        return used
    return {name: path for name, path in used.items() if path != known[name]}


def _write_weights(
    target: Path,
    kind: Kind,
    run: FinishedRun,
    model: Any,
    plain_config: str,
    card: TeacherCard,
    *,
    half: bool,
) -> None:
    if kind == "merged":
        standalone_model.write_plain_model(
            target,
            plain_config,
            model,
            list(run.dataset_info.class_names),
            Path(run.settings.language_model),
            half=half,
        )
    else:
        adapter_folder.write_changes(target, run.checkpoint, half=half)
    write_atomically(target / CARD, card_text(card))


def _image_entries(run: FinishedRun) -> dict[str, list[dict[str, Any]]]:
    """Return the images of each split, validation's first, by the folder they are in."""
    found: dict[str, list[dict[str, Any]]] = {}
    splits = sorted(run.dataset_info.splits, key=lambda split: split.name != "val")
    for split in (split for split in splits if split.image_dir):
        images = run.folder.read_split(split.name)["images"]
        found.setdefault(str(split.image_dir), []).extend(images)
    return found


def _some_images(run: FinishedRun, entries: Mapping[str, list[dict[str, Any]]]) -> list[Path]:
    """Return images to compare models on: validation's, where they still are.

    Raises:
        UserError: none of the run's images is where it was.
    """
    paths = (Path(place) / image["file_name"] for place, own in entries.items() for image in own)
    if found := list(islice((path for path in paths if path.is_file()), COMPARED_IMAGES)):
        return found
    raise UserError(
        f"{run.folder.root}: none of its images is where it was when it was trained. They show at "
        "the end of an export that it computes what the teacher does: put some back."
    )


def read_run(run: Path) -> FinishedRun:
    """Read a run folder, or a work_dir of MMDetection's tools/train.py.

    Raises:
        UserError: it is neither, or has no checkpoint yet.
    """
    folder = RunFolder(run.resolve())
    if not folder.is_whole():
        upstream = find_work_dir(folder.root)
        if upstream is None:
            raise UserError(
                f"{run}: is not a run folder (it has no settings.yaml and mmdet_config.py)."
            )
        read = read_work_dir(upstream)
        return _finished(upstream, read.settings, read.dataset_info)
    if not folder.best_checkpoint().is_file():
        raise UserError(f"{run}: has no checkpoint yet: nothing has been trained.")
    settings = read_layers({"output": str(folder.root)}, folder.settings)
    try:
        info = read_json(folder.dataset_info, DatasetInfo)
    except (OSError, msgspec.MsgspecError) as error:
        raise UserError(f"{folder.dataset_info}: is missing or damaged: {error}.") from error
    return _finished(folder, settings, info)


def _finished(folder: RunFolder, settings: TeacherSettings, info: DatasetInfo) -> FinishedRun:
    summary = summarize_run(folder.read_metrics(), info.class_names, info.own_names)
    results = _results(folder)
    threshold = results.threshold if results else None
    best = folder.best_checkpoint()
    return FinishedRun(folder, settings, info, summary, results, best, threshold)


def _results(folder: RunFolder) -> RunReport | None:
    try:
        return read_json(folder.results, RunReport)
    except (OSError, msgspec.MsgspecError):
        return None
