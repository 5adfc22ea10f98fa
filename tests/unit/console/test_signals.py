"""A signal while a run plans, builds or reports is an interruption, once."""

from __future__ import annotations

import signal

import pytest

from train_teacher.console import signals
from train_teacher.console.error_boundary import EXIT_INTERRUPTED, guarded
from train_teacher.console.signals import SAME_WITHIN, interruptible


@pytest.mark.parametrize("number", signals.SIGNALS)
def test_either_signal_interrupts_and_the_handlers_before_are_back_afterwards(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(number)

    def work() -> int:
        with interruptible():
            signal.raise_signal(number)
        return 0

    assert guarded(work) == EXIT_INTERRUPTED
    assert "interrupted" in capsys.readouterr().err
    assert signal.getsignal(number) == before


def test_a_signal_that_follows_at_once_does_not_interrupt_the_clearing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(signals.time, "monotonic", lambda: now)
    with interruptible():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        now += SAME_WITHIN
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
