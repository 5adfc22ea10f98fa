"""A readable progress display: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shutil
import sys
import time

PLAIN_INTERVAL_SECONDS = 10.0
LIVE_INTERVAL_SECONDS = 0.2


class ProgressDisplay:
    """Progress of one run on stderr.

    Args:
        total_steps: steps of the whole run.
        total_epochs: epochs of the whole run.
        shown: False in all but the first of several processes.
    """

    def __init__(self, total_steps: int, total_epochs: int, shown: bool = True) -> None:
        """Start with nothing shown."""
        self._shown = shown
        self._total_steps = total_steps
        self._total_epochs = total_epochs
        self._live = sys.stderr.isatty()
        self._shown_at = 0.0
        self._width = 0

    def due(self, step: int) -> bool:
        """Return whether showing this step is worth reading its loss back from the device."""
        interval = LIVE_INTERVAL_SECONDS if self._live else PLAIN_INTERVAL_SECONDS
        late = time.monotonic() - self._shown_at >= interval
        return late or step == self._total_steps

    def step(
        self, *, epoch: int, step: int, loss: float, lr: float, remaining: float, memory: str
    ) -> None:
        """Show one training step.

        Args:
            epoch: current epoch, from 1.
            step: steps done, from 1.
            loss: total loss.
            lr: learning rate.
            remaining: seconds of training to go.
            memory: peak GPU memory as text, empty on CPU.
        """
        self._shown_at = time.monotonic()
        parts = [
            f"epoch {epoch}/{self._total_epochs}",
            f"step {step}/{self._total_steps}",
            f"loss {loss:.3f}",
            f"lr {lr:.2g}",
            f"{_clock(remaining)} to go",
        ]
        text = "  ".join([*parts, memory]).rstrip()
        self._show(step / self._total_steps, text)

    def validation(self, done: int, total: int) -> None:
        """Show how far a validation is, when something is due.

        Args:
            done: batches validated.
            total: batches of the validation set.
        """
        if self.due(0):
            self._shown_at = time.monotonic()
            self._show(done / total, f"validating  {done}/{total}")

    def line(self, text: str) -> None:
        """Show a line that stays."""
        if self._live:
            self._overwrite("")
            self._write("\r")
        self._write(text + "\n")

    def close(self) -> None:
        """End the live line."""
        if self._live and self._width:
            self._write("\n")
            self._width = 0

    def _show(self, share: float, text: str) -> None:
        if self._live:
            bar = ("#" * round(20 * share)).ljust(20, ".")
            self._overwrite(f"[{bar}] {text}")
        else:
            self._write(text + "\n")

    def _overwrite(self, text: str) -> None:
        # A line that wraps cannot be overwritten.
        text = text[: shutil.get_terminal_size().columns - 1]
        self._write("\r" + text.ljust(self._width))
        self._width = len(text)

    def _write(self, text: str) -> None:
        if self._shown:
            sys.stderr.write(text)
            sys.stderr.flush()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
