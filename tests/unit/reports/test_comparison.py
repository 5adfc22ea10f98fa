from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from demo_model import make_info
from finished_runs import NAMES, compare, write_run
from train_teacher.reports.comparison import compare_runs
from train_teacher.reports.facts import RunReport, build_report
from train_teacher.reports.final_scores import FinalScores
from train_teacher.reports.forgetting import RetainedScores
from train_teacher.reports.summary import summarize_cost, summarize_run
from train_teacher.scores.coco_scores import CocoScores


def test_runs_are_compared_in_what_they_were_trained_with_whatever_version_wrote_them(
    tmp_path: Path,
) -> None:
    earlier = {"chosen": ["lr"], "auto_reasons": {"model": "small"}, "fit_batch": False}
    today = {"decided": {"chosen": [], "auto_reasons": {}, "fit_batch": False}}
    runs = [write_run(tmp_path / "a", 0.4, **earlier), write_run(tmp_path / "b", 0.4, **today)]
    assert compare(runs).settings == ()
    by_auto = {"decided": {"chosen": ["lr"], "auto_reasons": {}, "fit_batch": True}}
    runs.append(write_run(tmp_path / "c", 0.4, **by_auto))
    (row,) = compare(runs).settings
    assert (row.name, row.values) == ("fit_batch", ("False", "False", "True"))


def test_runs_that_differ_in_a_phrase_are_compared_under_the_names_of_the_data(
    tmp_path: Path,
) -> None:
    read = NAMES[0], "azure square"
    other = write_run(tmp_path / "b", 0.5, read, own=NAMES, prompts={NAMES[1]: "azure square"})
    compared = compare([write_run(tmp_path / "a", 0.4, prompts={}), other])
    assert compared.same_data
    assert [row.name for row in compared.classes] == list(NAMES)
    assert [row.best for row in compared.classes] == [1, 1]


def test_what_was_forgotten_stands_beside_what_was_gained(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "a", 0.4), write_run(tmp_path / "b", 0.5)]
    for run, after, equal in zip(runs, (0.2, 0.55), (None, True), strict=True):
        report = msgspec.json.decode((run / "results.json").read_bytes(), type=RunReport)
        retained = RetainedScores(
            data="other.json",
            num_images=3,
            num_objects=9,
            before=_scores(0.6),
            after=_scores(after),
            limit=0.02,
            adapter_off_equal=equal,
        )
        report = msgspec.structs.replace(report, retained=retained)
        (run / "results.json").write_bytes(msgspec.json.encode(report))
    rows = {row.name: row for row in compare(runs).results}
    assert rows["other data: drop"].values == ("+0.400", "+0.050")
    assert rows["other data: drop"].best == 1
    assert rows["detections with the adapter off"].values == ("-", "the base's")
    assert "GPU memory (MiB)" not in rows, "nothing to tell of any run"


def test_the_test_splits_are_compared_and_none_is_best_where_they_differ(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "a", 0.4), write_run(tmp_path / "b", 0.5)]

    def rewrite(run: Path, score: float, **changes: Any) -> None:
        report = msgspec.json.decode((run / "results.json").read_bytes(), type=RunReport)
        test = FinalScores(
            num_images=15,
            num_objects=30,
            before=None,
            best=_scores(score),
            chance=None,
            labels=None,
        )
        ready = msgspec.structs.replace(report.verdict, good_enough="nearly")
        report = msgspec.structs.replace(report, test=test, verdict=ready, **changes)
        (run / "results.json").write_bytes(msgspec.json.encode(report))

    rewrite(runs[0], 0.45)
    rewrite(runs[1], 0.3)
    rows = {row.name: row for row in compare(runs).results}
    assert (rows["test mAP"].values, rows["test mAP"].best) == (("0.450", "0.300"), 0)
    assert rows["good enough to label with"].values == ("nearly", "nearly")
    rewrite(runs[1], 0.3, splits=make_info(NAMES).splits[:2])
    rows = {row.name: row for row in compare(runs).results}
    assert (rows["test mAP"].best, rows["mAP50"].values) == (None, ("0.000", "0.000"))


def _scores(value: float) -> CocoScores:
    return CocoScores(value, value, value, value, value, value, (), ())


def test_two_folders_of_the_same_name_are_told_apart() -> None:
    names = compare_runs([_report("exp"), _report("exp")]).names
    assert names == ("exp", "exp (2)")


def _report(name: str) -> RunReport:
    return build_report(
        make_info(NAMES),
        summarize_run([], NAMES),
        before=None,
        best=None,
        settings={"model": "demo", "tune": "frozen", "data": "d.json"},
        name=name,
        version="1",
        command="-",
        cost=summarize_cost([]),
    )
