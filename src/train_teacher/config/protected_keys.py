"""Keys that `--set` may not change: freezing, labels or the run folder would silently break."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.config.dotted_keys import value_at

TABLE = Path(__file__).with_name("protected_keys.yaml")
LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")


class Protected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the config reserved for train-teacher: an entry of `protected_keys.yaml`."""

    reason: str
    """The damage a change would do, and the option to use instead."""
    keys: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    keeps: dict[str, str] = {}

    def read(self, content: Any) -> list[Any]:
        """Return the part; two configs agree when it is the same in both."""
        return [
            *(_value(content, key) for key in self.keys),
            *(_in_datasets(content, loader, key) for loader in LOADERS for key in self.datasets),
            *(name in _types(_value(content, key)) for key, name in self.keeps.items()),
        ]


@cache
def protected_parts() -> tuple[Protected, ...]:
    """Return the parts reserved for train-teacher."""
    return msgspec.yaml.decode(TABLE.read_bytes(), type=tuple[Protected, ...])


def find_broken(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """Return why a change is refused, or None.

    Comparing whole configs also catches a change that is hidden in a parent, as in
    `model={type: GroundingDINO}`.
    """
    broken = (part.reason for part in protected_parts() if part.read(before) != part.read(after))
    return next(broken, None)


def _value(content: Any, key: str) -> Any:
    try:
        return value_at(content, key)
    except KeyError:
        return None


def _types(items: Any) -> Iterator[Any]:
    """Yield the types of the configs in a list."""
    for item in items if isinstance(items, (list, tuple)) else ():
        if isinstance(item, Mapping):
            yield item.get("type")


def _in_datasets(content: Any, loader: str, key: str) -> list[Any]:
    """Return a key of a loader's data set and of those that it wraps."""
    found = []
    dataset = _value(content, f"{loader}.dataset")
    while isinstance(dataset, Mapping):
        found.append(dataset.get(key))
        dataset = dataset.get("dataset")
    return found
