"""One value holds the curves of a run: its page and its PNG files show the same points."""

from __future__ import annotations

from typing import Any

import pytest

from demo_model import make_info
from train_teacher.reports.curves import curve, run_plots
from train_teacher.reports.facts import RunReport, build_report
from train_teacher.reports.summary import METRIC, summarize_cost, summarize_run

RECORDS: list[dict[str, Any]] = [
    {"kind": "val", "step": 0, METRIC: 0.1},
    {"kind": "train", "step": 10, "loss": 9.0, "lr": 1e-4, "memory": None},
    {"kind": "train", "step": 20, "loss": 5.0, "lr": 1e-5},
    {"kind": "val", "step": 1, METRIC: -1.0},
]


def report_of(tune: str = "frozen", **settings: Any) -> RunReport:
    return build_report(
        make_info(),
        summarize_run([], ()),
        before=None,
        best=None,
        settings={"model": "demo", "tune": tune, "data": "d.json", **settings},
        name="run",
        version="1",
        command="-",
        cost=summarize_cost([]),
    )


def test_plots_without_a_point_are_left_out_and_lines_hold_what_was_logged() -> None:
    plots = {plot.title: plot for plot in run_plots(RECORDS, report_of())}
    assert list(plots) == ["Validation", "Loss", "Learning rate"]
    (loss,) = plots["Loss"].lines
    assert (loss.x, loss.y) == ([10, 20], [9.0, 5.0])
    assert not plots["Loss"].legend
    (score,) = plots["Validation"].lines
    assert (score.name, score.y) == ("mAP", [0.1, 0.0]), "-1 is pycocotools' nothing"
    assert run_plots([], report_of()) == []


@pytest.mark.parametrize(
    ("accumulation", "axis"), [(None, "optimizer step"), (1, "optimizer step"), (4, "batch")]
)
def test_what_is_counted_is_what_was_logged(accumulation: int | None, axis: str) -> None:
    plots = run_plots(RECORDS, report_of(accumulation=accumulation))
    assert [plot.axis for plot in plots] == ["epoch (0: base weights)", axis, axis]


def test_only_a_lora_run_has_other_rates_to_tell_of() -> None:
    lora, frozen = (
        run_plots(RECORDS, report_of(t, lora_lr_factor=2.0)) for t in ("lora", "frozen")
    )
    assert [bool(plot.note) for plot in lora] == [False, False, True]
    assert not any(plot.note for plot in frozen)


def test_a_number_that_some_records_lack_is_a_curve_of_the_others() -> None:
    assert curve("m", RECORDS, "memory").x == []
    assert curve("m", [*RECORDS, {"kind": "train", "step": 30, "memory": 7}], "memory").x == [30]
