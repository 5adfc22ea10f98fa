"""GPU memory that a training step of a published model takes, known before it is built."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

from train_teacher.settings.schema import TeacherSettings

TABLE = Path(__file__).with_name("memory.yaml")
MIB = 2**20
ALL_RECOMPUTED, NONE_RECOMPUTED = 6, 0
"""Encoder layers."""


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`memory.yaml`, which says what each is."""

    measured: dict[str, str | int]
    size: tuple[int, int]
    fp32: float
    usable: float
    context: int
    same: dict[str, str]
    peaks: dict[str, dict[str, dict[int, tuple[int, ...]]]]


@cache
def memory_table() -> Table:
    """Return the measured peaks."""
    return msgspec.yaml.decode(TABLE.read_bytes(), type=Table, strict=False)


def step_bytes(model: str, tune: str, images: int, layers: int, share: float = 1.0) -> float | None:
    """Return the GPU bytes that a step needs, with the margin; None where it was not measured.

    Args:
        model: preset.
        tune: as in the settings, or `plain`, which recomputes nothing.
        images: that go through the model at once.
        layers: recomputed, 0 to 6; between those measured it is a straight line.
        share: of what an image of the measured size keeps.
    """
    table = memory_table()
    peaks = table.peaks.get(table.same.get(model, model), {}).get(tune)
    if peaks is None:
        return None
    recomputed = peaks.get(ALL_RECOMPUTED, peaks[NONE_RECOMPUTED])
    none, all_ = (
        _peak(by_batch, images * share) for by_batch in (peaks[NONE_RECOMPUTED], recomputed)
    )
    peak = none + (all_ - none) * layers / ALL_RECOMPUTED
    return (peak / table.usable + table.context) * MIB


def _peak(by_batch: tuple[int, ...], images: float) -> float:
    one, two = by_batch[:2]
    return one + (two - one) * (images - 1)


def expected_gpu_memory(settings: TeacherSettings) -> tuple[float, float] | None:
    """Return about how many bytes a step takes with all encoder layers recomputed, and with none.

    None for a model that is not among the published ones. No GPU has measured this yet.

    Args:
        settings: resolved.
    """
    if not settings.train_scales:
        return None
    short, long = memory_table().size
    pixels = max(
        side * min(most, side * long / short) for side, most in map(sorted, settings.train_scales)
    )
    share = pixels / (short * long)
    share *= memory_table().fp32 if settings.precision == "fp32" else 1.0
    tune = "plain" if settings.plain else settings.tune
    least, most = (
        step_bytes(settings.model, tune, settings.batch_size, layers, share)
        for layers in (ALL_RECOMPUTED, NONE_RECOMPUTED)
    )
    return None if least is None or most is None else (least, most)
