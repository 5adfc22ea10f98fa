import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from train_teacher.config.optimization import build_optimizer, build_param_scheduler
from train_teacher.config.schedule import Schedule, build_schedule
from train_teacher.settings.recipes import (
    OPTIMIZERS,
    schedule_problems,
)

SCHEDULE = Schedule(
    epochs=10,
    iterations_per_epoch=20,
    accumulation=1,
    warmup_steps=10,
    decay_epochs=(7,),
    val_interval=1,
    lr=1e-4,
)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_and_argument_that_we_offer_is_pytorchs(name: str) -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    values: dict[str, Any] = {"betas": (0.9, 0.99), "amsgrad": True, "nesterov": False}
    values |= {"centered": True, "dampening": 0.1}
    arguments = {key: values.get(key, 0.5) for key in OPTIMIZERS[name]}
    config = build_optimizer({"type": name, **arguments}, lr=1e-3, weight_decay=0.01)
    kind = config.pop("type")
    optimizer = getattr(torch.optim, kind)([parameter], **config)
    assert optimizer.defaults["lr"] == 1e-3
    assert {key: optimizer.defaults[key] for key in arguments} == arguments


def learning_rates(
    setting: Any, schedule: Schedule = SCHEDULE, scores: Sequence[float] = ()
) -> list[float]:
    """Return the rate of every step as MMEngine computes it, relative to the peak.

    Args:
        scores: of the validations after the epochs, where there are any.
    """
    from mmengine.optim import OptimWrapper
    from mmengine.registry import PARAM_SCHEDULERS

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    entries, _ = build_param_scheduler(setting, schedule)
    schedulers = [
        PARAM_SCHEDULERS.build(entry, default_args={"optimizer": OptimWrapper(optimizer)})
        for entry in entries
    ]
    rates = []
    for step in range(schedule.iterations):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        for scheduler in schedulers:
            if not scheduler.by_epoch or (step + 1) % schedule.iterations_per_epoch == 0:
                scheduler.step()
        epoch, rest = divmod(step + 1, schedule.iterations_per_epoch)
        if not rest and epoch % schedule.val_interval == 0 and epoch <= len(scores):
            validated = {"coco/bbox_mAP": scores[epoch - 1]}
            for scheduler in schedulers:
                if getattr(scheduler, "need_val_args", False):
                    scheduler.step(validated)
    return rates


@pytest.mark.parametrize("setting", ["multistep", "cosine", "constant", "plateau"])
def test_every_schedule_warms_up_to_the_peak(setting: str) -> None:
    rates = learning_rates(setting)
    assert rates[0] == pytest.approx(0.1)
    assert rates[10] == pytest.approx(1.0)
    assert max(rates) == pytest.approx(1.0)


def test_the_three_schedules_end_where_they_say() -> None:
    assert learning_rates("multistep")[-1] == pytest.approx(0.1)
    assert learning_rates("cosine")[-1] == pytest.approx(0.01, abs=1e-3)
    assert learning_rates("constant")[-1] == pytest.approx(1.0)


def test_the_cosine_falls_with_every_step() -> None:
    rates = learning_rates("cosine")[10:]
    assert all(later < earlier for earlier, later in itertools.pairwise(rates))


def test_the_plateau_halves_the_rate_after_six_validations_without_gain() -> None:
    # The seventh is no gain of 0.002 over the first, and is the sixth of its kind.
    schedule = replace(SCHEDULE, epochs=20)
    scores = [0.3] * 6 + [0.301] * 3 + [0.31] * 11
    rates = learning_rates("plateau", schedule, scores)[:: schedule.iterations_per_epoch]
    # One more passes after a fall, and the gain in the tenth begins the count anew.
    assert rates[1:] == pytest.approx([1.0] * 6 + [0.5] * 9 + [0.25] * 4)


def test_a_gain_keeps_the_rate() -> None:
    schedule = replace(SCHEDULE, epochs=20)
    scores = [0.1 + 0.003 * epoch for epoch in range(20)]
    assert learning_rates("plateau", schedule, scores)[-1] == pytest.approx(1.0)


def test_a_plateau_before_the_rate_is_warm_is_none() -> None:
    schedule = replace(SCHEDULE, epochs=20, warmup_steps=170)
    assert schedule.plateau_begin == 9
    rates = learning_rates("plateau", schedule, [0.3] * 20)[:: schedule.iterations_per_epoch]
    assert rates[9:] == pytest.approx([1.0] * 6 + [0.5] * 5)


def test_a_run_too_short_for_a_plateau_says_so() -> None:
    for epochs, interval, falls in [(7, 1, False), (8, 1, True), (15, 2, True), (14, 2, False)]:
        schedule = replace(SCHEDULE, epochs=epochs, val_interval=interval)
        reason = build_param_scheduler("plateau", schedule)[1]
        assert ("half the rate" in reason) == falls, (epochs, interval)
        assert ("show no plateau" in reason) != falls
        rates = learning_rates("plateau", schedule, [0.3] * epochs)
        assert (rates[-1] < 0.9) == falls


@pytest.mark.parametrize("accumulation", [1, 2, 3])
@pytest.mark.parametrize("setting", ["multistep", "cosine", "constant", "plateau"])
def test_a_run_of_any_length_reaches_its_learning_rate(setting: str, accumulation: int) -> None:
    for steps in range(1, 61):
        schedule = build_schedule(accumulation, 1, epochs=steps, accumulation=accumulation)
        assert schedule.steps == steps
        rates = learning_rates(setting, schedule)
        assert max(rates) == pytest.approx(1.0), steps
        assert rates[schedule.warmup_iterations] == pytest.approx(1.0), steps
        if setting == "cosine":
            falling = schedule.iterations - schedule.warmup_iterations
            share = (1 + math.cos(math.pi * (falling - 1) / falling)) / 2
            assert rates[-1] == pytest.approx(0.01 + 0.99 * share), steps


def test_what_a_short_run_does_without_is_said() -> None:
    one_epoch = build_schedule(30, 1, epochs=1)
    entries, reason = build_param_scheduler("multistep", one_epoch)
    assert [entry["type"] for entry in entries] == ["MultiStepLR"]
    assert reason == "30 steps, too few for a warm-up, then constant: too few epochs for a drop"
    assert build_param_scheduler("multistep", SCHEDULE)[1].endswith("after epoch 7")


def test_a_schedule_in_mmengines_terms_is_taken_as_it_is() -> None:
    wanted = [{"type": "PolyLR", "power": 2, "begin": 0, "end": 5, "by_epoch": True}]
    assert build_param_scheduler(wanted, SCHEDULE)[0] == wanted
    assert schedule_problems(wanted) == []
    assert "empty" in schedule_problems([])[0]
    assert "entry 0 has no `type`" in schedule_problems([{"power": 2}])[0]
