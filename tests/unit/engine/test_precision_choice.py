from __future__ import annotations

import pytest
import torch

from train_teacher.engine.machine import resolve_precision


def test_a_given_format_is_kept() -> None:
    assert resolve_precision("fp16", "cuda") == "fp16"


@pytest.mark.parametrize(
    ("device", "capability", "chosen"),
    [
        ("cpu", (9, 0), "fp32"),
        ("auto", None, "fp32"),
        ("auto", (6, 1), "fp32"),
        ("auto", (7, 0), "fp16"),
        ("auto", (7, 5), "fp16"),
        ("auto", (8, 0), "bf16"),
        ("cuda", (9, 0), "bf16"),
    ],
)
def test_automatic_is_the_format_that_the_tensor_cores_have(
    device: str,
    capability: tuple[int, int] | None,
    chosen: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: capability is not None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert resolve_precision("auto", device) == chosen
