"""The config generator: facts and settings in, overrides of the base config out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

import msgspec

from train_teacher.config.data_driven import (
    MIN_DELTA,
    Decision,
    most_boxes,
    schedule_of,
    tune,
    with_decisions,
)
from train_teacher.config.differences import EDITED, SET_BY_USER
from train_teacher.config.dotted_keys import through_wrappers
from train_teacher.config.drawn_prompts import drawn_prompt, negative_words, told_prompts
from train_teacher.config.model import (
    GIVEN,
    Override,
    model_overrides,
)
from train_teacher.config.optimization import optimization_overrides
from train_teacher.config.pipelines import (
    as_labelled,
    split_at_mix_up,
    train_pipeline,
    validation_pipeline,
)
from train_teacher.config.plain import in_plain_types, refuse_what_plain_cannot
from train_teacher.config.recipe_sources import with_recipe_named
from train_teacher.config.schedule import Schedule
from train_teacher.config.stages import refuse_what_cannot_happen, stages_hook
from train_teacher.core.errors import UsageError
from train_teacher.data.odvg import LABEL_MAP_FILE, MIN_IMAGE_SIDE
from train_teacher.data.odvg import TRAIN_FILE as ODVG_FILE
from train_teacher.data.tiles import as_tiles
from train_teacher.inspection.facts import DatasetInfo, SplitInfo
from train_teacher.scores.metric_names import METRIC
from train_teacher.settings.edits import edited_values
from train_teacher.settings.schema import TeacherSettings


@dataclass(frozen=True)
class GeneratedConfig:
    """Overrides that turn a base config into this run's config."""

    base_config: str
    overrides: tuple[Override, ...]
    schedule: Schedule
    decisions: tuple[Decision, ...] = ()
    """Choices made from the data, and those that the settings named."""


def generate_mmdet_config(dataset_info: DatasetInfo, settings: TeacherSettings) -> GeneratedConfig:
    """Return the overrides that make the base config this data set's config, in order.

    Args:
        dataset_info: facts; its `splits` are the canonical copies that will be trained on.
        settings: complete settings in which `weights` is a file or `none`, `language_model` a
            folder, `precision` a number format and `workers` a number.

    Raises:
        UsageError: the data and the settings cannot be trained together.
    """
    generated = _generate(dataset_info, settings)
    if not settings.decided.chosen:
        return generated
    open_again = dict.fromkeys({*settings.decided.chosen} - {"precision"}, None)
    first = _generate(dataset_info, msgspec.structs.replace(settings, **open_again))
    return replace(
        generated,
        overrides=_explained(generated.overrides, first.overrides),
        decisions=tuple(
            was if was.value == now.value else now
            for was, now in zip(first.decisions, generated.decisions, strict=True)
        ),
    )


def _explained(
    overrides: tuple[Override, ...], first: tuple[Override, ...]
) -> tuple[Override, ...]:
    """Give a repeated run the reasons of the first one: its choices were not the user's."""
    reasons = {override.key: override for override in first if not override.free}
    return tuple(
        reasons[override.key]
        if override.key in reasons
        and not override.free
        and reasons[override.key].value == override.value
        else override
        for override in overrides
    )


def _generate(dataset_info: DatasetInfo, settings: TeacherSettings) -> GeneratedConfig:
    train = _split(dataset_info, "train")
    if train is None:
        raise ValueError("the data set has no training split")
    if settings.plain:
        refuse_what_plain_cannot(dataset_info.prompt, settings)
    decisions = tune(dataset_info, settings)
    reasons = {d.name: GIVEN if d.given else d.reason for d in decisions}
    by_user = settings.epochs is not None or settings.steps is not None
    settings = with_decisions(settings, decisions)
    schedule = schedule_of(dataset_info, settings)
    refuse_what_cannot_happen(dataset_info, settings, schedule)
    overrides = (
        *model_overrides(dataset_info.class_names, dataset_info.prompt, settings, reasons),
        *_data(dataset_info, settings, train, schedule),
        *optimization_overrides(settings, schedule, by_user=by_user),
        *_running(dataset_info, settings, schedule),
    )
    if settings.plain:
        overrides = tuple(in_plain_types(overrides, settings))
    overrides = with_recipe_named(overrides, settings)
    overrides = (*overrides, *_set_by_user(settings, overrides), *_edited(settings))
    return GeneratedConfig(
        settings.base_config, overrides, schedule, (*_by_auto(settings), *decisions)
    )


def _by_auto(settings: TeacherSettings) -> Iterator[Decision]:
    for name, reason in settings.decided.auto_reasons.items():
        option = "--recipe" if name in ("recipe", "unfreeze_at") else "--model auto"
        yield Decision(name, getattr(settings, name), reason, option)


def _set_by_user(settings: TeacherSettings, overrides: tuple[Override, ...]) -> Iterator[Override]:
    ours = {override.key: override.value for override in overrides}
    for key, value in settings.set.items():
        # `train_dataloader.dataset.pipeline` is where MMDetection's own configs have it.
        yield Override(through_wrappers(ours, key), value, SET_BY_USER, by_user=True, free=True)


def _edited(settings: TeacherSettings) -> Iterator[Override]:
    for key, value in edited_values(settings.edited).items():
        yield Override(key, value, EDITED, adds=True, by_user=True)


def _split(info: DatasetInfo, name: str) -> SplitInfo | None:
    return next((split for split in info.splits if split.name == name), None)


def _data(
    info: DatasetInfo, settings: TeacherSettings, train: SplitInfo, schedule: Schedule
) -> Iterator[Override]:
    evaluated = {"val": _split(info, "val"), "test": _split(info, "test") or _split(info, "val")}
    batch_size = min(settings.batch_size, train.num_images)
    read = as_tiles if settings.tile else lambda split: split
    yield Override(
        "train_dataloader",
        {
            "batch_size": batch_size,
            **_worker_keys(settings.workers or 0),
            "sampler": {"type": "DefaultSampler", "shuffle": True},
            "batch_sampler": {"type": "ResumableBatchSampler"},
            "dataset": {
                "type": "SeededDataset",
                "seed": settings.seed,
                "dataset": _mixed(_train_dataset(read(train), info, settings), settings),
            },
        },
        f"{train.num_images} images, {train.num_boxes} boxes; images without boxes are negatives"
        + told_prompts(info, settings),
    )
    for name, split in evaluated.items():
        if split is None:
            raise UsageError("there is no validation data: give --val, or a --split with a share")
        yield Override(
            f"{name}_dataloader",
            {
                "batch_size": settings.val_batch_size or 1,
                **_worker_keys(settings.workers or 0),
                "drop_last": False,
                "sampler": {"type": "ShapeOrderSampler"},
                "dataset": {
                    **_dataset(read(split), info),
                    "test_mode": True,
                    "pipeline": as_labelled(
                        validation_pipeline(settings.val_scale or [], settings.validation_resize),
                        settings.exif_orientation,
                    ),
                },
            },
            f"{split.num_images} images of the {split.name} split",
        )
        yield Override(
            f"{name}_evaluator",
            {
                "type": "TeacherCocoMetric",
                "ann_file": read(split).path if settings.plain else split.path,
                "metric": "bbox",
                "format_only": False,
                "classwise": True,
                **({"most_in_whole": settings.max_per_img} if read(split) != split else {}),
            },
            "COCO average precision, also by class",
        )


def _dataset(split: SplitInfo, info: DatasetInfo) -> dict[str, Any]:
    return {
        "type": "CocoDataset",
        "ann_file": split.path,
        "data_prefix": {"img": f"{PurePath(split.image_dir or '').as_posix()}/"},
        # A tuple: the detector puts it into a set (grounding_dino.py:447).
        "metainfo": {"classes": tuple(info.class_names)},
        "return_classes": True,
    }


def _train_dataset(
    train: SplitInfo, info: DatasetInfo, settings: TeacherSettings
) -> dict[str, Any]:
    pipeline = as_labelled(
        train_pipeline(settings.train_scales or [], settings.random_crop, settings.augmentation),
        settings.exif_orientation,
    )
    if drawn := drawn_prompt(info, settings):
        # After the crop: its prompt names what is left of the image. Before packing.
        pipeline = [*pipeline[:-1], drawn, pipeline[-1]]
    if info.prompt.fits:
        return {
            **_dataset(train, info),
            "filter_cfg": {"filter_empty_gt": False, "min_size": MIN_IMAGE_SIDE},
            "pipeline": pipeline,
        }
    folder = PurePath(train.path).parent
    labels = (folder / LABEL_MAP_FILE).as_posix()
    pipeline[-2] = {"type": "RandomPrompt", "label_map_file": labels, **pipeline[-2]}
    return {
        **_dataset(train, info),
        "type": "ODVGDataset",
        "ann_file": (folder / ODVG_FILE).as_posix(),
        "label_map_file": labels,
        # Otherwise every image would carry a copy of the whole label map.
        "need_text": False,
        "pipeline": pipeline,
    }


def _mixed(dataset: dict[str, Any], settings: TeacherSettings) -> dict[str, Any]:
    """Return a data set that chooses its images and loads some of them with a partner."""
    loading, mixing = split_at_mix_up(dataset["pipeline"])
    if not mixing or settings.plain:  # MMDetection's CachedMixUp keeps partners of its own
        return _balanced(dataset, settings)
    return {
        "type": "MultiImageMixDataset",
        "dataset": _balanced({**dataset, "pipeline": loading}, settings),
        "pipeline": mixing,
    }


def _balanced(dataset: dict[str, Any], settings: TeacherSettings) -> dict[str, Any]:
    if not settings.class_balance:
        return dataset
    return {
        "type": "ClassBalancedDataset",
        "oversample_thr": settings.class_balance,
        "dataset": dataset,
    }


def _worker_keys(workers: int) -> dict[str, Any]:
    # PyTorch refuses persistent workers when there are none.
    return {"num_workers": workers, "persistent_workers": workers > 0}


def _running(
    info: DatasetInfo, settings: TeacherSettings, schedule: Schedule
) -> Iterator[Override]:
    yield Override(
        "custom_imports",
        {"imports": ["train_teacher.mmdet_plugin"], "allow_failed_imports": False},
        "brings our classes to any MMDetection tool",
        adds=True,
    )
    yield Override("runner_type", "TeacherRunner", "run folder layout, atomic files", adds=True)
    yield Override("work_dir", settings.output, "the run folder", adds=True)
    yield Override("randomness", {"seed": settings.seed}, "--seed", adds=True)
    yield Override(
        "default_hooks.checkpoint",
        {
            "type": "TeacherCheckpointHook",
            "interval": schedule.checkpoint_interval,
            "by_epoch": True,
            "save_best": METRIC,
            "rule": "greater",
        },
        "last.pth and best.pth, trainable tensors only",
    )
    every = schedule.log_interval
    yield Override(
        "default_hooks.logger",
        {"type": "LoggerHook", "interval": every},
        "numbers of every step" if every == 1 else f"numbers every {every} steps",
    )
    yield Override(
        "custom_hooks",
        [
            {"type": "RepeatableHook", "seed": settings.seed},
            *stages_hook(settings),
            {"type": "FreezeProofHook"},
            {"type": "PromptCheckHook"},
            {"type": "NonFiniteLossHook"},
            {"type": "ProgressHook"},
            {"type": "BaseEvaluationHook", "enabled": settings.evaluate_before},
            {"type": "KeepDetectionsHook"},
            _probe(info, settings),
            *_early_stopping(settings),
            {"type": "StopOnSignalHook"},
        ],
        "repeatable steps, freeze table and proof, text for every class, bad losses, progress, "
        "validation of the base, detections for the report, what fits, stopping with state saved",
        adds=True,
    )
    backends = _log_backends(settings)
    yield Override("vis_backends", backends, "metrics.jsonl instead of vis_data/")
    yield Override(
        "visualizer",
        {"type": "DetLocalVisualizer", "vis_backends": backends, "name": "visualizer"},
        "metrics.jsonl",
    )


def _early_stopping(settings: TeacherSettings) -> list[dict[str, Any]]:
    if not settings.early_stopping:
        return []
    return [
        {
            "type": "TeacherEarlyStoppingHook",
            "monitor": METRIC,
            "rule": "greater",
            "min_delta": MIN_DELTA,
            "patience": settings.early_stopping,
        }
    ]


def _probe(info: DatasetInfo, settings: TeacherSettings) -> dict[str, Any]:
    return {
        "type": "ProbeHook",
        "image": list(max(settings.train_scales or [[1, 1]], key=math.prod)),
        "boxes": max(1, most_boxes(info, settings)),
        "classes": [*info.class_names, *negative_words(info, settings)],
        "checkpoint_layers": settings.checkpoint_layers,
        "fit_batch": settings.decided.fit_batch,
        "preflight": settings.preflight,
    }


def _log_backends(settings: TeacherSettings) -> list[dict[str, Any]]:
    backends: list[dict[str, Any]] = [{"type": "MetricsFileBackend"}]
    if settings.tensorboard:
        backends.append({"type": "TensorboardVisBackend"})
    if settings.wandb:
        run = {"project": settings.wandb, "name": PurePath(settings.output).name}
        backends.append({"type": "WandbVisBackend", "init_kwargs": run})
    return backends


def reasons_by_key(overrides: tuple[Override, ...]) -> Mapping[str, str]:
    """Return the reason of every overridden key, the last one winning."""
    return {override.key: override.reason for override in overrides}
