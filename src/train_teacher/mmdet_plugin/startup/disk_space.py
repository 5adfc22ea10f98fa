"""Disk space that a run will need, and the check that there is enough."""

from __future__ import annotations

from dataclasses import dataclass

SMALL_FILES = 20_000_000
"""Bytes for train.log, metrics.jsonl, detections, plots and report."""
LARGEST_NUMBERS = 1e9


@dataclass(frozen=True)
class RunBytes:
    """Bytes of the tensors that a run writes."""

    saved: int
    """Weights in a checkpoint."""
    optimizer: int
    """State of the optimizer, in last.pth only."""
    adapter: int = 0

    def needed(self) -> int:
        """Return the largest disk usage at one moment, in bytes.

        A new last.pth is complete before previous.pth is given up: three of them beside best.pth
        (mmdet_plugin/runner.py).
        """
        last = self.saved + self.optimizer
        return 3 * last + self.saved + self.adapter + SMALL_FILES


def too_little_space(folder: str, size: RunBytes, present: int, free: int) -> str | None:
    """Return a message when a run does not fit, else None.

    Args:
        present: bytes of checkpoints that are there already and will be replaced.
        free: bytes.
    """
    missing = size.needed() - present
    if missing <= free:
        return None
    return (
        f"{folder}: this run writes up to {_amount(missing)} (last.pth, previous.pth, the new "
        f"last.pth before they are exchanged, best.pth, logs), and {_amount(free)} are free on "
        f"that disk. It would stop in the middle. Free {_amount(missing - free)}, give another "
        "--output, or use --tune lora, whose checkpoints are small."
    )


def _amount(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= LARGEST_NUMBERS else f"{size / 1e6:.0f} MB"
