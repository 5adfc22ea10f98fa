from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from train_teacher.console import error_boundary
from train_teacher.console.error_boundary import guarded, keep_tracebacks_in
from train_teacher.core.errors import UsageError, UserError


@pytest.fixture(autouse=True)
def own_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    token = error_boundary._RUN_LOG.set(None)
    yield
    error_boundary._RUN_LOG.reset(token)


def failing(error: BaseException) -> int:
    def work() -> int:
        raise error

    return guarded(work)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("mend it"), 1),
        (UsageError("write it so"), 2),
        (RuntimeError("CUDA out of memory."), 1),
        (KeyError("whatever"), 3),
        (KeyboardInterrupt(), 130),
    ],
)
def test_every_kind_of_failure_has_its_exit_code(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failing(error) == code
    assert "Traceback" not in capsys.readouterr().err


def test_a_run_has_the_traceback_in_its_own_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "train.log"
    log.write_text("before\n")
    keep_tracebacks_in(log)
    assert failing(RuntimeError("CUDA out of memory.")) == 1
    assert failing(ZeroDivisionError("division by zero")) == 3
    assert capsys.readouterr().err.count(str(log)) == 2
    text = log.read_text()
    assert text.startswith("before\n")
    assert text.count("Traceback (most recent call last)") == 2
    assert list(tmp_path.iterdir()) == [log]


def test_without_a_run_folder_a_temporary_log_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_tracebacks_in(tmp_path / "removed" / "train.log")
    assert failing(ZeroDivisionError("division by zero")) == 3
    (log,) = tmp_path.iterdir()
    assert str(log) in capsys.readouterr().err
    assert "ZeroDivisionError" in log.read_text()


def test_without_any_place_to_write_the_traceback_is_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    assert failing(OSError(28, "No space left on device")) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "Details (disk-full): above" in err


def test_what_an_error_was_raised_from_is_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    outer = RuntimeError("the run ended")
    outer.__cause__ = RuntimeError("no kernel image is available for execution on the device")
    assert failing(outer) == 1
    assert "gpu-code" in capsys.readouterr().err


def test_a_name_in_a_message_commands_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for error in (UserError("a\x1b[2Jb.png: cannot be read"), KeyError("a\x1b[2Jb")):
        failing(error)
        told = capsys.readouterr().err
        assert "\x1b" not in told
        assert "x1b[2Jb" in told or r"\u001b[2Jb" in told


@pytest.mark.parametrize(("columns", "width"), [(80, 80), (10, 50), (500, 100)])
def test_a_long_message_is_wrapped_on_a_terminal_and_whole_elsewhere(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    path = "/data/" + "a-b" * 40 + ".json"
    error = UserError(
        f"{path}: F1 {'nothing can be trained from it, ' * 8}export it again.\n  cure"
    )
    failing(error)
    piped = capsys.readouterr().err
    assert piped == f"error: {error}\n"

    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    failing(error)
    shown = capsys.readouterr().err
    assert shown.split() == piped.split()
    assert path in shown
    assert max(len(line) for line in shown.splitlines() if path not in line) <= width
    assert shown.endswith("again.\n  cure\n")
