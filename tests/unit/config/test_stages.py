"""Changes in the course of a run are in its config, or refused where it could not happen."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from demo_model import make_info, make_settings
from train_teacher.config.generate import generate_mmdet_config, reasons_by_key
from train_teacher.core.errors import UsageError


def overrides(**values: Any) -> dict[str, Any]:
    generated = generate_mmdet_config(make_info(), make_settings(**values))
    return {override.key: override.value for override in generated.overrides}


def test_parts_that_join_later_are_named_with_the_hook_that_lets_them() -> None:
    values = overrides(tune="full", unfreeze_at="plateau", schedule="plateau", epochs=20)
    assert values["model.joining_modules"] == ["backbone", "encoder"]
    assert values["model.frozen_modules"] == []
    settings = make_settings(tune="full", unfreeze_at="plateau", schedule="plateau", epochs=20)
    told = reasons_by_key(generate_mmdet_config(make_info(), settings).overrides)
    assert "after the first fall of the rate (FT-FSOD)" in told["model.joining_modules"]
    hooks = [hook["type"] for hook in values["custom_hooks"]]
    assert hooks.index("StagesHook") < hooks.index("FreezeProofHook")
    assert {"type": "StagesHook", "unfreeze_at": "plateau"} in values["custom_hooks"]
    part = overrides(tune="full", unfreeze_at=3, freeze=["encoder"])
    assert part["model.joining_modules"] == ["backbone"]
    assert "model.joining_modules" not in overrides(tune="full")
    assert "StagesHook" not in str(overrides()["custom_hooks"])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"unfreeze_at": 4, "epochs": 4}, "unfreeze_at: 4: the run has 4 epochs"),
        (
            {"unfreeze_at": "plateau", "schedule": "plateau", "epochs": 7},
            "unfreeze_at: plateau: .* 7 validations cannot fall before its end",
        ),
    ],
)
def test_parts_that_would_never_join_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        overrides(tune="full", **values)


def test_a_plateau_without_boxes_to_validate_on_is_refused() -> None:
    info = make_info()
    train, val, _ = info.splits
    empty = msgspec.structs.replace(info, splits=(train, msgspec.structs.replace(val, num_boxes=0)))
    with pytest.raises(UsageError, match=r"schedule: plateau .*without boxes to validate on"):
        generate_mmdet_config(empty, make_settings(schedule="plateau"))
