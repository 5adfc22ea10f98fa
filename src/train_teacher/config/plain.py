"""Runs with types of MMDetection, MMEngine and mmcv only (`--plain`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path, PurePath
from typing import Any

import msgspec

from train_teacher.config.model import Override, frozen_parts
from train_teacher.core.errors import UsageError
from train_teacher.inspection.facts import PromptInfo
from train_teacher.settings.schema import TeacherSettings

TABLE = Path(__file__).with_name("plain.yaml")
LANGUAGE_MODEL = "data/language_model"
"""In the run folder: the vocabulary, and the weights file that mmdet's BertModel asks for."""
ALL_SWIN_STAGES = 4


class Upstream(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Upstream's type in place of one of ours."""

    type: str
    without: frozenset[str] = frozenset()
    adds: dict[str, Any] = {}


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`plain.yaml`."""

    types: dict[str, Upstream | None]
    wrappers: frozenset[str]
    left_out: frozenset[str]
    reasons: dict[str, str]


@cache
def _table() -> Table:
    return msgspec.yaml.decode(TABLE.read_bytes(), type=Table)


def refuse_what_plain_cannot(prompt: PromptInfo, settings: TeacherSettings) -> None:
    """Refuse settings that MMDetection's own types do not support.

    Raises:
        UsageError: with the setting and the cure.
    """
    if settings.tune == "lora":
        raise UsageError(
            "--plain: MMDetection has no LoRA. Leave --plain out, or train with --tune frozen."
        )
    if not prompt.fits:
        raise UsageError(
            f"--plain: the classes need {prompt.tokens} tokens, and MMDetection's own types train "
            f"with one prompt of {prompt.limit}: the rest would never be learned. Leave --plain "
            "out, train fewer classes, or shorten their names with --class-prompt."
        )
    if settings.negatives:
        raise UsageError(
            "--plain: MMDetection has no `negatives` for a COCO file: every prompt asks for all "
            "classes. Leave --plain out, or `negatives`."
        )
    if settings.decided.fit_batch or settings.checkpoint_layers not in ("auto", 0):
        raise UsageError(
            "--plain: MMDetection has no --batch-size auto and no checkpoint_layers. Give a "
            "number of images; to save memory, --set model.encoder.num_cp=6 (needs fairscale)."
        )


def in_plain_types(overrides: Iterable[Override], settings: TeacherSettings) -> Iterator[Override]:
    """Yield the overrides with upstream's types, without keys that only ours have."""
    table = _table()
    for override in overrides:
        if override.key not in table.left_out:
            value = _exchanged(override.value)
            reason = table.reasons.get(override.key, override.reason)
            yield replace(override, value=value, reason=reason)
    weights = None if settings.weights == "none" else settings.weights
    yield Override("load_from", weights, table.reasons["load_from"])
    name = (PurePath(settings.output) / LANGUAGE_MODEL).as_posix()
    yield Override("model.language_model.name", name, table.reasons["model.language_model.name"])
    if "backbone" in frozen_parts(settings):
        reason = "the backbone is frozen as Swin can be"
        yield Override("model.backbone.frozen_stages", ALL_SWIN_STAGES, reason, adds=True)


def _exchanged(value: Any) -> Any:
    """Return a value with upstream's types at every depth."""
    table = _table()
    if isinstance(value, (list, tuple)):
        dropped = {name for name, upstream in table.types.items() if upstream is None}
        items = [i for i in value if not (isinstance(i, Mapping) and i.get("type") in dropped)]
        return type(value)(_exchanged(item) for item in items)
    if not isinstance(value, Mapping):
        upstream = table.types.get(value) if isinstance(value, str) else None
        return upstream.type if upstream else value
    if value.get("type") in table.wrappers:
        return _exchanged(value["dataset"])
    upstream = table.types.get(value.get("type", ""))
    without = upstream.without if upstream else ()
    kept = {name: _exchanged(item) for name, item in value.items() if name not in without}
    return {**kept, **upstream.adds} if upstream else kept
