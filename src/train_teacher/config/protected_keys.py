"""What `--set` may not change, because freezing, labels or the run folder would silently break."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from train_teacher.config.dotted_keys import value_at


@dataclass(frozen=True)
class Invariant:
    """A part of the config that belongs to train-teacher."""

    read: Callable[[Any], Any]
    """Returns the part; two configs agree when it returns the same for both."""
    reason: str
    """What would break, and what to use instead."""


def find_broken(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """Return why a change is refused, or None.

    Comparing whole configs also catches a change that is hidden in a parent, as in
    `model={type: GroundingDINO}`.
    """
    for invariant in INVARIANTS:
        if invariant.read(before) != invariant.read(after):
            return invariant.reason
    return None


def _at(key: str) -> Callable[[Any], Any]:
    def read(content: Any) -> Any:
        try:
            return value_at(content, key)
        except KeyError:
            return None

    return read


def _has_type(key: str, name: str) -> Callable[[Any], bool]:
    """Return a reader that says whether a list of configs has one of a type."""

    def read(content: Any) -> bool:
        items = _at(key)(content)
        listed = items if isinstance(items, (list, tuple)) else ()
        return any(isinstance(item, Mapping) and item.get("type") == name for item in listed)

    return read


def _keys(reason: str, *keys: str) -> list[Invariant]:
    return [Invariant(_at(key), reason) for key in keys]


def _loaders(reason: str, *keys: str) -> list[Invariant]:
    names = ("train_dataloader", "val_dataloader", "test_dataloader")
    return [Invariant(_in_datasets(name, key), reason) for name in names for key in keys]


def _in_datasets(loader: str, key: str) -> Callable[[Any], Any]:
    """Return a reader of a key of a loader's data set and of those that it wraps."""

    def read(content: Any) -> list[Any]:
        found = []
        dataset = _at(f"{loader}.dataset")(content)
        while isinstance(dataset, Mapping):
            found.append(dataset.get(key))
            dataset = dataset.get("dataset")
        return found

    return read


INVARIANTS: tuple[Invariant, ...] = (
    *_keys(
        "another class of model would not freeze its parts nor keep the weights it loaded.",
        "model.type",
    ),
    *_keys(
        "what is frozen is decided by --tune and --freeze, which also keep it out of the "
        "optimizer's groups.",
        "model.frozen_modules",
    ),
    *_keys("what LoRA adds is decided by --lora-rank and the lora_ settings.", "model.lora"),
    *_keys(
        "weights loaded here would overwrite frozen parts after they were checked, or leave them "
        "random; use --weights.",
        "model.base_checkpoint",
        "load_from",
    ),
    *_keys(
        "text and vocabulary have to fit the checkpoint; use --language-model.",
        "model.language_model.type",
        "model.language_model.name",
        "model.language_model.own_weights",
    ),
    *_keys(
        "without train-teacher's own classes nothing of this config can be built.",
        "custom_imports",
        "runner_type",
        "default_scope",
    ),
    *_keys("the run folder is named by --output.", "work_dir"),
    *_loaders(
        "labels are places in this list of names, the same in every split; names are changed "
        "with --class-prompt or in the data.",
        "metainfo",
    ),
    *_loaders(
        "every split has to come from the same canonical copies, or labels and scores would "
        "belong to other classes; use --data, --val, --test and --images.",
        "type",
        "ann_file",
        "data_prefix",
        "data_root",
    ),
    *_loaders("the model reads the class names from there.", "return_classes"),
    *_keys(
        "scores would be measured against other labels than those that were predicted for; use "
        "--val and --test.",
        "val_evaluator.ann_file",
        "test_evaluator.ann_file",
    ),
    *_keys(
        "the run folder's last.pth and best.pth are written by it, without the frozen parts.",
        "default_hooks.checkpoint.type",
    ),
    Invariant(
        _has_type("custom_hooks", "FreezeProofHook"),
        "FreezeProofHook shows and proves what is frozen; keep it in the list.",
    ),
    Invariant(
        _has_type("visualizer.vis_backends", "MetricsFileBackend"),
        "MetricsFileBackend writes metrics.jsonl, from which the report is made; keep it in the "
        "list, beside others if you like.",
    ),
)
