"""Differences between a run's config and the official recipe, sorted by purpose and reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from train_teacher.config.model import Override

SET_BY_USER = "set by you"
EDITED = "as the file of --mmdet-config has it"
LEFT_OUT = "not in this run"
YOUR_DATA = "your data in place of the recipe's"
DATA_KEYS = frozenset({"ann_file", "data_prefix", "data_root", "metainfo"})
DATA_TOPIC = "data"
# Top-level key: what it is for, in the order in which it is shown.
TOPICS = (
    ("model", "model"),
    ("train_dataloader", DATA_TOPIC),
    ("val_dataloader", DATA_TOPIC),
    ("test_dataloader", DATA_TOPIC),
    ("val_evaluator", DATA_TOPIC),
    ("test_evaluator", DATA_TOPIC),
    ("optim_wrapper", "training"),
    ("param_scheduler", "training"),
    ("train_cfg", "training"),
    ("auto_scale_lr", "training"),
)
OTHER_TOPIC = "running and logging"


@dataclass(frozen=True)
class DifferenceGroup:
    """Differences that have one reason."""

    topic: str
    reason: str
    differences: tuple[tuple[str, object, object], ...]
    """(dotted key, official recipe, this run); `...` where one has no such key."""


def group_differences(
    differences: Sequence[tuple[str, object, object]], overrides: Sequence[Override]
) -> tuple[DifferenceGroup, ...]:
    """Group differences with the same reason, by topic; the user's settings come first."""
    groups: dict[tuple[str, str], list[tuple[str, object, object]]] = {}
    for difference in differences:
        override = _cause(difference[0], overrides)
        topic = _topic(difference[0])
        if override is not None and override.reason in (SET_BY_USER, EDITED):
            topic = SET_BY_USER
        reason = override.reason if override is not None else LEFT_OUT
        if topic == DATA_TOPIC and DATA_KEYS & set(difference[0].split(".")):
            reason = YOUR_DATA
        groups.setdefault((topic, reason), []).append(difference)
    order = [SET_BY_USER, *dict.fromkeys(topic for _, topic in TOPICS), OTHER_TOPIC]
    found = [DifferenceGroup(*key, tuple(members)) for key, members in groups.items()]
    return tuple(sorted(found, key=lambda group: order.index(group.topic)))


def _cause(key: str, overrides: Sequence[Override]) -> Override | None:
    """Return the last override of a key or of something above it, else of something in it."""
    inside = None
    for override in reversed(overrides):
        if f"{key}.".startswith(f"{override.key}."):
            return override
        if inside is None and override.key.startswith(f"{key}."):
            inside = override
    return inside


def _topic(key: str) -> str:
    top = key.split(".", maxsplit=1)[0]
    return dict(TOPICS).get(top, OTHER_TOPIC)
