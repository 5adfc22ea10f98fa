"""Settings behind an edited config: those with other values, and the edits beyond them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.config.dotted_keys import list_paths, value_at
from train_teacher.config.model import FROZEN_PARTS
from train_teacher.config.optimization import AMP_DTYPES

TABLE = Path(__file__).with_name("read_back.yaml")
LEFT_OUT = frozenset(
    """
    work_dir ann_file data_prefix data_root label_map_file base_checkpoint launcher resume
    """.split()
)
"""Keys for places, which settings hold, or for the start of a process."""
LANGUAGE_MODEL = "model.language_model.name"


def settings_in(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings read from a generated or edited config."""
    table: dict[str, str] = msgspec.yaml.decode(TABLE.read_bytes())
    plain = {name: _at(content, key) for name, key in table.items()}
    wrapper = _at(content, "optim_wrapper") or {}
    numbers = {dtype: name for name, dtype in AMP_DTYPES.items()}
    hooks = {hook.get("type"): hook for hook in _at(content, "custom_hooks") or ()}
    computed = {
        **_tuning(_at(content, "model") or {}),
        "accumulation": wrapper.get("accumulative_counts", 1),
        "precision": numbers.get(str(wrapper.get("dtype")), "fp32"),
        "unfreeze_at": hooks.get("StagesHook", {}).get("unfreeze_at"),
        "early_stopping": _patience(hooks),
        "train_scales": _lists(_first(content, "train_dataloader.*.scales")),
        "val_scale": _lists(_first(content, "val_dataloader.*.scale")),
    }
    return {name: value for name, value in {**plain, **computed}.items() if value is not None}


def _patience(hooks: Mapping[Any, Any]) -> int:
    """Return the patience of MMEngine's hook, or of ours around it; 0 without one."""
    names = (name for name in hooks if str(name).endswith("EarlyStoppingHook"))
    return int(next((hooks[name].get("patience", 0) for name in names), 0))


def _tuning(model: Mapping[str, Any]) -> dict[str, Any]:
    frozen = list(model.get("frozen_modules") or ())
    usual = set(FROZEN_PARTS) <= set(frozen)
    tune = "lora" if model.get("lora") else "frozen" if usual else "full"
    return {"tune": tune, "freeze": [p for p in frozen if tune == "full" or p not in FROZEN_PARTS]}


def _at(content: Mapping[str, Any], key: str) -> Any:
    try:
        return value_at(content, key)
    except KeyError:
        return None


def _first(content: Mapping[str, Any], pattern: str) -> Any:
    found = next((key for key in list_paths(content) if fnmatchcase(key, pattern)), None)
    return value_at(content, found) if found else None


def _lists(value: Any) -> Any:
    return [_lists(item) for item in value] if isinstance(value, (list, tuple)) else value


def find_edits(before: Any, after: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield dotted key and Python literal of everything that differs; `...` where it was removed.

    What settings say in every case is left out.
    """
    last = key.rpartition(".")[2]
    if repr(before) == repr(after) or last in LEFT_OUT or key == LANGUAGE_MODEL:
        return
    left, right = _members(before), _members(after)
    same_steps = isinstance(before, list) and left.keys() == right.keys()
    reachable = left and (right or not after)
    if not key or (
        type(before) is type(after) and reachable and (same_steps or isinstance(before, Mapping))
    ):
        for name in {**left, **right}:
            inner = f"{key}.{name}" if key else name
            yield from find_edits(left.get(name, ...), right.get(name, ...), inner)
    else:
        yield key, "..." if after is ... else repr(after)


def _members(value: Any) -> dict[str, Any]:
    """Return the members that a dotted key can lead to, if it can lead to all of them."""
    if isinstance(value, Mapping):
        return {} if any("." in str(name) for name in value) else dict(value)
    if isinstance(value, list) and all(isinstance(item, (Mapping, list)) for item in value):
        return {str(number): item for number, item in enumerate(value)}
    return {}
