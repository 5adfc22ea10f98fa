from __future__ import annotations

import json
from typing import Any

import pytest

from train_teacher.doctor import import_probe
from train_teacher.doctor.import_probe import MARK, look_at_deformops, look_at_torch, main


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = capsys.readouterr().out.splitlines()
    return [json.loads(line.removeprefix(MARK)) for line in lines if line.startswith(MARK)]


def broken() -> dict[str, Any]:
    raise ModuleNotFoundError("No module named 'mmengine'")


def killed() -> dict[str, Any]:
    raise SystemExit(139)


def test_a_package_that_does_not_import_is_told_and_the_next_one_still_looked_at(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_probe, "STEPS", (("mmdet", broken), ("rest", lambda: {"a": 1})))
    main()

    _, problem, _, facts = told(capsys)
    assert problem["problem"]["types"][:2] == ["ModuleNotFoundError", "ImportError"]
    assert problem["problem"]["message"] == "No module named 'mmengine'"
    assert facts == {"step": "rest", "facts": {"a": 1}}


def test_a_step_is_named_before_it_may_end_the_process(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_probe, "STEPS", (("torch", killed),))
    with pytest.raises(SystemExit):
        main()

    assert told(capsys) == [{"step": "torch"}]


def test_what_is_said_of_this_machine_s_pytorch_can_be_sent_as_json() -> None:
    import torch

    facts = look_at_torch()
    assert json.loads(json.dumps(facts))["torch"] == torch.__version__
    assert facts["cuda_available"] == torch.cuda.is_available()
    assert set(look_at_deformops()) == {"deformops"}
