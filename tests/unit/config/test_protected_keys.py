"""Protected keys of `--set` are refused with what would break, hidden in a parent or not."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from train_teacher.config.protected_keys import find_broken

CONFIG: dict[str, Any] = {
    "model": {"type": "TeacherGroundingDINO", "num_queries": 900, "frozen_modules": ["backbone"]},
    "work_dir": "/run",
    "train_dataloader": {
        "batch_size": 4,
        "dataset": {"type": "Wrapper", "dataset": {"ann_file": "train.json"}},
    },
    "custom_hooks": [{"type": "FreezeProofHook"}, {"type": "Other"}],
}


def changed(path: str, value: Any) -> dict[str, Any]:
    config = copy.deepcopy(CONFIG)
    *parents, last = path.split(".")
    node: Any = config
    for name in parents:
        node = node[name]
    node[last] = value
    return config


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("model.type", "GroundingDINO", "would not freeze"),
        ("model", {"type": "GroundingDINO"}, "would not freeze"),
        ("model.frozen_modules", [], "--freeze"),
        ("load_from", "other.pth", "use --weights"),
        ("work_dir", "/elsewhere", "--output"),
        ("train_dataloader.dataset.dataset.ann_file", "other.json", "canonical copies"),
        ("custom_hooks", [{"type": "Other"}], "FreezeProofHook"),
    ],
)
def test_a_change_that_breaks_something_is_refused_with_the_reason(
    path: str, value: Any, reason: str
) -> None:
    assert reason in str(find_broken(CONFIG, changed(path, value)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model.num_queries", 300),
        ("train_dataloader.batch_size", 2),
        ("custom_hooks", [{"type": "Mine"}, {"type": "FreezeProofHook"}]),
    ],
)
def test_any_other_change_is_free(path: str, value: Any) -> None:
    assert find_broken(CONFIG, changed(path, value)) is None
