"""Told to stop: once is enough, twice is at once, and one telling may arrive twice."""

from __future__ import annotations

import signal
from types import SimpleNamespace
from typing import cast

import pytest
from mmengine.runner import Runner

from train_teacher.mmdet_plugin.loop import stopping
from train_teacher.mmdet_plugin.loop.stopping import SAME_WITHIN, StopOnSignalHook


def test_a_process_that_was_forked_to_load_images_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hook = StopOnSignalHook()
    hook.before_run(cast(Runner, SimpleNamespace()))
    monkeypatch.setattr(stopping.os, "getpid", lambda: -1)
    signal.raise_signal(signal.SIGTERM)
    monkeypatch.undo()
    hook.after_run(cast(Runner, SimpleNamespace()))
    assert capsys.readouterr().err == ""


def test_a_signal_that_arrives_twice_is_one_and_a_second_one_stops_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr(stopping.time, "monotonic", lambda: now)
    hook, runner = StopOnSignalHook(), cast(Runner, SimpleNamespace())
    monkeypatch.setattr(stopping, "Agreement", lambda: None)
    before = signal.getsignal(signal.SIGTERM)
    hook.before_run(runner)
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGTERM)
    assert capsys.readouterr().err.count("stopping after this step") == 1
    now += SAME_WITHIN
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before
