"""Length and learning rate of a run, from the number of images."""

from __future__ import annotations

import math
from dataclasses import dataclass

# The official fine-tuning recipes: 1e-4 at a batch of 32 (8 GPUs x 4 images).
REFERENCE_LR = 1e-4
REFERENCE_BATCH = 32
LR_RANGE = (2e-5, 2e-4)
WARMUP_SHARE = 0.05
MAX_WARMUP_STEPS = 100
# MMEngine's LinearLR needs two batches to rise in: with one it stays where it starts, for good.
MIN_WARMUP_ITERATIONS = 2
# The cat recipe drops the rate at epoch 15 of 20.
DECAY_AT = 0.75
LARGE_SET_EPOCHS = 12
# Images below which a number of steps, not of epochs, is what training needs.
LARGE_SET = 2_000
STEPS_BY_IMAGES = ((200, 400), (LARGE_SET, 1_500))
MAX_VALIDATIONS = 20
# FT-FSOD (CVPR 2026, configs_rf100vlfsod/final_configs) validates after each of up to 100 epochs,
# halves the rate after more than five validations without gain, and lets one pass after that.
PLATEAU_VALIDATIONS = 100
PLATEAU_PATIENCE = 5
PLATEAU_COOLDOWN = 1
# Batches between two lines of metrics.jsonl, and points that make a curve worth looking at.
LOG_INTERVALS = (10, 5, 2)
LEAST_POINTS = 20
LEAST_WARMUP_POINTS = 2


@dataclass(frozen=True)
class Schedule:
    """Length of training, its warm-up, decay and validations."""

    epochs: int
    """Passes over the training images."""
    iterations_per_epoch: int
    """Batches."""
    accumulation: int
    """Batches of an optimizer step."""
    warmup_steps: int
    decay_epochs: tuple[int, ...]
    val_interval: int
    """Epochs between two validations; the last epoch is always validated."""
    lr: float

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole run: accumulation continues into the next epoch."""
        return math.ceil(self.iterations / self.accumulation)

    @property
    def validations(self) -> int:
        """Validations of the whole run, without that of the base."""
        return math.ceil(self.epochs / self.val_interval)

    @property
    def plateau_begin(self) -> int:
        """The epoch from which on a plateau is looked for: the rate is warm, the base is passed."""
        return max(1, math.ceil(self.warmup_iterations / self.iterations_per_epoch))

    @property
    def plateau_can_fall(self) -> bool:
        """True if training goes on after the earliest validation that can halve the rate."""
        counted = self.validations - (self.plateau_begin - 1) // self.val_interval
        first_is_a_gain = 1
        return counted > first_is_a_gain + PLATEAU_PATIENCE + 1

    @property
    def checkpoint_interval(self) -> int:
        """Epochs between two checkpoints: the most that a power cut costs."""
        return min(self.val_interval, math.ceil(self.epochs / MAX_VALIDATIONS))

    @property
    def iterations(self) -> int:
        """Batches of the whole run."""
        return self.epochs * self.iterations_per_epoch

    @property
    def warmup_iterations(self) -> int:
        """Batches of the warm-up: MMEngine's schedulers count batches."""
        return self.warmup_steps * self.accumulation

    @property
    def log_interval(self) -> int:
        """Batches between two logged ones: fewer in a short run, so that its curves show it.

        MMEngine counts them within an epoch, and logs at least once in one.
        """
        for interval in LOG_INTERVALS:
            points = self.epochs * max(1, self.iterations_per_epoch // interval)
            rising = self.warmup_iterations // interval
            if points >= LEAST_POINTS and (rising >= LEAST_WARMUP_POINTS or not self.warmup_steps):
                return interval
        return 1


def build_schedule(
    num_images: int,
    batch_size: int,
    epochs: int | None = None,
    steps: int | None = None,
    lr: float | None = None,
    *,
    accumulation: int = 1,
    val_interval: int | None = None,
    most_validations: int = MAX_VALIDATIONS,
) -> Schedule:
    """Choose length and learning rate of a run; warm-up and decay always lie inside it.

    Args:
        num_images: training images.
        batch_size: images of a batch, all processes together.
        epochs: wanted epochs, None to choose.
        steps: wanted optimizer steps, rounded up to whole epochs, None to choose.
        lr: wanted peak learning rate, None for the square-root rule.
        accumulation: batches of an optimizer step.
        val_interval: epochs between two validations, None to choose.
        most_validations: of a run whose `val_interval` is chosen.
    """
    per_epoch = max(1, math.ceil(num_images / batch_size))
    if epochs is None:
        wanted = steps if steps is not None else _steps_for(num_images)
        epochs = LARGE_SET_EPOCHS
        if wanted is not None:
            epochs = max(1, math.ceil(wanted * accumulation / per_epoch))
    total = math.ceil(epochs * per_epoch / accumulation)
    decay = math.floor(epochs * DECAY_AT)
    return Schedule(
        epochs=epochs,
        iterations_per_epoch=per_epoch,
        accumulation=accumulation,
        warmup_steps=_warmup_steps(total, accumulation),
        decay_epochs=(decay,) if 0 < decay < epochs else (),
        val_interval=val_interval or math.ceil(epochs / most_validations),
        lr=lr if lr is not None else square_root_lr(batch_size * accumulation),
    )


def square_root_lr(batch_size: int) -> float:
    """Return the peak learning rate for a number of images per optimizer step, in three digits.

    The official rate, scaled by the square root of the batch (AdamW: Malladi et al. 2022).
    """
    low, high = LR_RANGE
    scaled = REFERENCE_LR * math.sqrt(batch_size / REFERENCE_BATCH)
    return float(f"{min(high, max(low, scaled)):.3g}")


def _warmup_steps(steps: int, accumulation: int) -> int:
    """Return the optimizer steps of the warm-up, 0 where it would have no batch to rise in."""
    warmup = min(MAX_WARMUP_STEPS, math.floor(steps * WARMUP_SHARE))
    return warmup if warmup * accumulation >= MIN_WARMUP_ITERATIONS else 0


def _steps_for(num_images: int) -> int | None:
    """Return the optimizer steps that a small set needs; of a large one, None."""
    return next((steps for limit, steps in STEPS_BY_IMAGES if num_images < limit), None)
