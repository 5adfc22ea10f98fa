"""Comparison of several runs: settings that differ, and results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from train_teacher.core.words import duration, score, size
from train_teacher.reports.facts import RunReport
from train_teacher.scores.coco_scores import CocoScores
from train_teacher.settings.layers import trained_settings

ABSENT = "-"
LONGEST_VALUE = 60


@dataclass(frozen=True)
class ComparedRun:
    """One run with its curves."""

    report: RunReport
    records: Sequence[Mapping[str, Any]]
    """Lines of metrics.jsonl."""


@dataclass(frozen=True)
class Row:
    """One line of a comparison."""

    name: str
    values: tuple[str, ...]
    """One for each run."""
    best: int | None = None
    """The run that is clearly the best in it."""


@dataclass(frozen=True)
class Comparison:
    """Differences between runs."""

    names: tuple[str, ...]
    settings: tuple[Row, ...]
    """Only those that differ."""
    same_data: bool
    """False when the validation splits differ: then scores cannot be compared."""
    results: tuple[Row, ...]
    classes: tuple[Row, ...]
    """AP of the best epoch by class."""


def compare_runs(reports: Sequence[RunReport]) -> Comparison:
    """Compare runs."""
    same_data = len({_split_of(report, "val") for report in reports}) == 1
    scores, classes = _results(reports), _classes(reports)
    if not same_data:
        scores, classes = ([replace(row, best=None) for row in rows] for rows in (scores, classes))
    return Comparison(
        names=_distinct([report.name for report in reports]),
        settings=tuple(_differing_settings(reports)),
        same_data=same_data,
        results=tuple(row for row in (*scores, *_costs(reports)) if set(row.values) != {ABSENT}),
        classes=tuple(classes),
    )


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names, numbered where two are the same."""
    seen: dict[str, int] = {}
    distinct = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        distinct.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(distinct)


def _split_of(report: RunReport, name: str) -> tuple[object, ...]:
    found = next((split for split in report.splits if split.name == name), None)
    names = tuple(c.name for c in report.classes)
    return (names, found.num_images, found.boxes_per_class) if found else (names,)


def _differing_settings(reports: Sequence[RunReport]) -> list[Row]:
    settings = [trained_settings(report.settings) for report in reports]
    rows = []
    for key in dict.fromkeys(key for run in settings for key in run):
        values = [run.get(key) for run in settings]
        if any(value != values[0] for value in values):
            rows.append(Row(key, tuple(_shown(value) for value in values)))
    return rows


def _shown(value: object) -> str:
    text = ABSENT if value is None else str(value)
    return text if len(text) <= LONGEST_VALUE else "..." + text[3 - LONGEST_VALUE :]


def _results(reports: Sequence[RunReport]) -> list[Row]:
    best = [report.summary.best for report in reports]
    before = [report.summary.before for report in reports]
    sizes = list(dict.fromkeys(name for b in best if b for name in b.by_size))
    return [
        Row("box mAP before", tuple(score(b.map if b else None) for b in before)),
        _scores("box mAP best", [b.map if b else None for b in best]),
        Row("in epoch", tuple(str(b.epoch) if b else ABSENT for b in best)),
        _scores("gain", [report.summary.gain for report in reports], "+.3f"),
        _scores("mAP50", [b.map_50 if b else None for b in best]),
        _scores("mAP75", [b.map_75 if b else None for b in best]),
        *(
            _scores(f"mAP {name} objects", [b.by_size.get(name) if b else None for b in best])
            for name in sizes
        ),
        *_tests(reports),
        Row("good enough to label with", tuple(r.verdict.good_enough or ABSENT for r in reports)),
        *_retained(reports),
    ]


def _tests(reports: Sequence[RunReport]) -> list[Row]:
    """Return the scores on the test split, without a best one where the splits differ."""
    found = [report.test.best if report.test else None for report in reports]
    rows = [
        _scores("test mAP", [_ap(scores) for scores in found]),
        _scores("test mAP50", [s.average_precision_50 if s else None for s in found]),
    ]
    alike = len({_split_of(report, "test") for report in reports}) == 1
    return rows if alike else [replace(row, best=None) for row in rows]


def _retained(reports: Sequence[RunReport]) -> list[Row]:
    """Return the rows on forgetting (--retain)."""
    found = [report.retained for report in reports]
    exact = {None: ABSENT, True: "the base's", False: "others"}
    return [
        Row("other data: mAP before", tuple(score(_ap(r.before if r else None)) for r in found)),
        _scores("other data: mAP after", [_ap(r.after if r else None) for r in found]),
        _least("other data: drop", [r.drop if r else None for r in found], "{:+.3f}".format),
        Row(
            "detections with the adapter off",
            tuple(exact[r.adapter_off_equal if r else None] for r in found),
        ),
    ]


def _ap(scores: CocoScores | None) -> float | None:
    return scores.average_precision if scores else None


def _costs(reports: Sequence[RunReport]) -> list[Row]:
    costs = [report.cost for report in reports]

    def sizes(name: str) -> list[float | None]:
        return [report.files.get(name) for report in reports]

    def shown(value: float) -> str:
        return size(int(value))

    return [
        Row("steps", tuple(f"{cost.steps:,}" for cost in costs)),
        _least("a step took", [c.step_seconds for c in costs], duration),
        _least("time in all", [c.total_seconds for c in costs], duration),
        _least("GPU memory (MiB)", [c.memory_mib for c in costs], lambda value: f"{value:,.0f}"),
        _least("best.pth", sizes("checkpoints/best.pth"), shown),
        _least("adapter", sizes("adapter/adapter_model.safetensors"), shown),
    ]


def _classes(reports: Sequence[RunReport]) -> list[Row]:
    found = [{c.name: c.best for c in report.classes} for report in reports]
    names = dict.fromkeys(name for classes in found for name in classes)
    return [_scores(name, [classes.get(name) for classes in found]) for name in names]


def _scores(name: str, values: Sequence[float | None], form: str = ".3f") -> Row:
    known = [value for value in values if value is not None]
    top = max(known, default=0.0)
    alone = len(known) > 1 and sum(round(value, 3) == round(top, 3) for value in known) == 1
    return Row(
        name,
        tuple(ABSENT if value is None else format(value, form) for value in values),
        list(values).index(top) if alone else None,
    )


def _least(name: str, values: Sequence[float | None], show: Any) -> Row:
    known = [value for value in values if value is not None]
    shown = tuple(ABSENT if value is None else show(value) for value in values)
    alone = len(known) > 1 and sum(value <= min(known) * 1.02 for value in known) == 1
    return Row(name, shown, list(values).index(min(known)) if alone else None)
