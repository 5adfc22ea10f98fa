"""Progress is a bar on a terminal and lines elsewhere, and never in the way of other text."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

import pytest

from train_teacher.console import progress
from train_teacher.console.error_boundary import guarded
from train_teacher.console.progress import progress_line
from train_teacher.core.errors import UserError

ERASE_LINE = "\x1b[2K"
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


class Terminal(io.StringIO):
    """The output of a terminal."""

    def isatty(self) -> bool:
        """Say that this is one."""
        return True

    def lines(self) -> list[str]:
        """Return what is seen in the end; a bar is redrawn over its own line."""
        sent = self.getvalue().replace(HIDE, "").replace(SHOW, "")
        return [line.rsplit(ERASE_LINE, 1)[-1].rstrip() for line in sent.split("\n")]


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make stderr a terminal without colors."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    return shown


@pytest.fixture(autouse=True)
def _no_bar_left() -> Iterator[None]:
    yield
    progress.close()


def test_a_log_gets_a_line_every_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    advance = progress_line("images")
    for done in range(41):
        advance(done, 40)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "images: 0 of 40 (0 %)"
    assert lines[-1] == "images: 40 of 40 (100 %)"
    assert len(lines) == 11


def test_what_takes_long_says_how_long_it_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    advance = progress_line("weights", unit="MiB", per=1000)
    # A part that was there before tells nothing of the speed.
    for done, now in ((20_000, 0.0), (30_000, 100.0), (90_000, 900.0)):  # noqa: B007
        advance(done, 100_000)
    assert capsys.readouterr().err.splitlines() == [
        "weights: 20 of 100 MiB (20 %)",
        "weights: 30 of 100 MiB (30 %, 11:40 left)",
        "weights: 90 of 100 MiB (90 %, 2:09 left)",
    ]


def test_a_terminal_has_one_bar_and_its_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = terminal(monkeypatch)
    advance = progress_line("images")
    for done in range(101):
        advance(done, 100)
    sys.stderr.write("done\n")
    *_, bar, after, end = shown.lines()
    assert bar.endswith("images: 100 of 100 (100 %)")
    assert (after, end) == ("done", "")
    assert shown.getvalue().rindex(SHOW) > shown.getvalue().rindex(HIDE)


def test_what_is_printed_stays_above_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = terminal(monkeypatch)
    advance = progress_line("images")
    advance(10, 100)
    sys.stderr.write("[bold]a warning[/bold]\n")
    advance(20, 100)
    progress.close()
    warning, bar, _ = shown.lines()
    assert warning == "[bold]a warning[/bold]"
    assert bar.endswith("images: 20 of 100 (20 %)")


def test_results_do_not_go_where_the_bar_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal(monkeypatch)
    progress_line("images")(10, 100)
    sys.stdout.write("a result\n")
    assert capsys.readouterr().out == "a result\n"


@pytest.mark.parametrize(
    ("end", "said"), [(KeyboardInterrupt(), "interrupted"), (UserError("no"), "error: no")]
)
def test_the_end_is_told_below_the_bar_and_leaves_the_cursor(
    monkeypatch: pytest.MonkeyPatch, end: BaseException, said: str
) -> None:
    shown = terminal(monkeypatch)

    def work() -> int:
        progress_line("images")(10, 100)
        assert shown.getvalue().rindex(SHOW) > shown.getvalue().rindex(HIDE)
        raise end

    guarded(work)
    assert sys.stderr is shown
    *_, bar, last = [line for line in shown.lines() if line]
    assert bar.endswith("images: 10 of 100 (10 %)")
    assert last == said


def test_a_terminal_without_cursor_movements_gets_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = terminal(monkeypatch)
    monkeypatch.setenv("TERM", "dumb")
    progress_line("images")(10, 100)
    assert shown.getvalue() == "images: 10 of 100 (10 %)\n"


@pytest.mark.parametrize(("seconds", "text"), [(-1, "0:00"), (64.6, "1:05"), (3723, "1:02:03")])
def test_a_time_span_reads_like_a_clock(seconds: float, text: str) -> None:
    assert progress.clock(seconds) == text
