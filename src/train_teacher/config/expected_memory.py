"""How much memory of a GPU a published model's training step takes: known before it is built."""

from __future__ import annotations

from train_teacher.settings.schema import TeacherSettings

# Millions of parameters, and how many image tokens there are beside those of four feature levels.
_SIZES = {
    "swin-t": (173.0, 1.0),
    "swin-b": (233.0, 1.0),
    "swin-l": (343.0, 4.0),
    "grounding-dino-swin-t": (172.0, 1.0),
    "grounding-dino-swin-b": (233.0, 1.0),
}
_TRAINED = {"frozen": 36.6, "lora": 3.8}
"""Millions of parameters; with `full` all (training.md 4.2, README)."""
_WEIGHT, _TRAINED_WEIGHT = 4e6, 12e6
"""Bytes of a million parameters, and of their gradients and AdamW's two moments."""
_ALL_RECOMPUTED, _NONE_RECOMPUTED = 3.1e9, 9.5e9
"""Bytes that an image of 800 x 1333 keeps for the way back, in fp32, by recomputed layers."""
_USUAL_PIXELS, _LONGEST = 800 * 1333, 1333 / 800
_HALF = 0.55
"""Share of it with 16 bits a number, where boxes and losses keep 32."""


def expected_gpu_memory(settings: TeacherSettings) -> tuple[float, float] | None:
    """Return about how many bytes a step takes with all encoder layers recomputed, and with none.

    None for a model that is not among the published ones. No GPU has measured this yet.

    Args:
        settings: resolved.
    """
    model = settings.model.removeprefix("llmdet-")  # of the same sizes
    if model not in _SIZES or not settings.train_scales:
        return None
    parameters, tokens = _SIZES[model]
    fixed = _WEIGHT * parameters + _TRAINED_WEIGHT * _TRAINED.get(settings.tune, parameters)
    pixels = max(
        short * min(long, short * _LONGEST) for short, long in map(sorted, settings.train_scales)
    )
    share = pixels / _USUAL_PIXELS * tokens * (1.0 if settings.precision == "fp32" else _HALF)
    images = settings.batch_size * share
    return fixed + images * _ALL_RECOMPUTED, fixed + images * _NONE_RECOMPUTED
