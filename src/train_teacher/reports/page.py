"""The page that explains a run: one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from train_teacher.core.words import change, duration, score
from train_teacher.pages import (
    bar_charts,
    line_charts,
)
from train_teacher.pages import (
    parts as html_parts,
)
from train_teacher.pages.line_charts import Line
from train_teacher.pages.page import page, safe
from train_teacher.pages.parts import card, figure, matrix, table
from train_teacher.reports.facts import RunReport
from train_teacher.reports.forgetting import RetainedScores
from train_teacher.reports.page_sections import (
    accumulates,
    data_section,
    settings_section,
    training_section,
)
from train_teacher.scores.analysis import PrecisionRecall
from train_teacher.scores.metric_names import METRIC, METRIC_50

CURVES_OF_CLASSES = 8
SHOWN_CLASSES = 200
SHOWN_CONFUSIONS = 15
RECALL_AXIS = tuple(point / 100 for point in range(101))
LOSS_PARTS = {"loss_cls": "classification", "loss_bbox": "box (L1)", "loss_iou": "box (GIoU)"}


@dataclass(frozen=True)
class RunImage:
    """A validation image with truth and detections drawn."""

    source: str
    """Data URI."""
    file: str
    note: str


def render_report(
    report: RunReport,
    records: Sequence[Mapping[str, Any]],
    worst: Sequence[RunImage] = (),
    best: Sequence[RunImage] = (),
) -> str:
    """Return the report of a run.

    Args:
        report: its facts.
        records: lines of metrics.jsonl, oldest first.
        worst: validation images on which most goes wrong.
        best: those on which most is right.

    Returns:
        A complete HTML document; every name in it is escaped.
    """
    sections = [
        _head(report),
        _cards(report),
        _classes(report),
        _retained(report.retained),
        _curves(records, report),
        _precision_recall(report.precision_recall),
        _errors(report),
        _images("Where it goes wrong", worst, report),
        _images("Where it does best", best, report),
        data_section(report),
        training_section(report),
        settings_section(report),
    ]
    return page(
        f"Report of {report.name}",
        "\n".join(section for section in sections if section),
        bar_charts.STYLE + line_charts.STYLE + html_parts.STYLE,
    )


def _head(report: RunReport) -> str:
    verdict = report.verdict
    kind = {True: "", False: " bad", None: " unknown"}[verdict.worth_it]
    details = "".join(f"<li>{safe(sentence)}</li>" for sentence in verdict.sentences)
    return (
        f"<h1>{safe(report.name)}</h1>\n"
        f'<p class="quiet">{safe(report.model)}, --tune {safe(report.tune)}, trained on '
        f"{safe(report.data)}</p>\n"
        f'<p class="verdict{kind}">{safe(verdict.headline)}</p>\n'
        + (f"<ul>{details}</ul>" if details else "")
    )


def _cards(report: RunReport) -> str:
    summary, cost = report.summary, report.cost
    cards = []
    if summary.before:
        cards.append(card("before", score(summary.before.map), "box mAP of the base weights"))
    if summary.best:
        when = f"epoch {summary.best.epoch}" if summary.best.epoch else "base weights"
        cards.append(
            card("best", score(summary.best.map), f"{when}; mAP50 {summary.best.map_50:.3f}")
        )
    if summary.gain is not None:
        cards.append(card("gain", change(summary.gain), "box mAP on the validation split"))
    if cost.total_seconds:
        cards.append(card("time", duration(cost.total_seconds), f"{cost.steps:,} steps"))
    return f'<div class="scores">{"".join(cards)}</div>'


def _classes(report: RunReport) -> str:
    recall = any(c.zero_shot_recall is not None for c in report.classes)
    header = ["class", "train boxes", "val boxes", "AP before", "AP best", "change"]
    rows = []
    for c in report.classes[:SHOWN_CLASSES]:
        row = [c.name, f"{c.train_boxes:,}", f"{c.val_boxes:,}", score(c.before), score(c.best)]
        row.append(change(c.gain))
        if recall:
            row.append(_share(c.zero_shot_recall))
        rows.append(row)
    if recall:
        header.append("found zero-shot")
    hidden = len(report.classes) - SHOWN_CLASSES
    more = f'<p class="quiet">and {hidden:,} more in results.json</p>' if hidden > 0 else ""
    return f"<h2>Classes</h2>{table(header, rows)}{more}{_sizes(report)}"


def _retained(retained: RetainedScores | None) -> str:
    if retained is None:
        return ""
    rows = [
        (now.name, f"{now.objects:,}", score(was.average_precision), score(now.average_precision))
        for was, now in zip(retained.before.classes, retained.after.classes, strict=True)
    ]
    whole = (
        "all",
        f"{retained.num_objects:,}",
        score(retained.before.average_precision),
        score(retained.after.average_precision),
    )
    header = ("class", "objects", "AP before", "AP after")
    return (
        "<h2>What it still knows of other things</h2>"
        f'<p class="quiet">{retained.num_images:,} images of {safe(retained.data)}, asked for '
        f"their own classes</p>{table(header, [whole, *rows[:SHOWN_CLASSES]])}"
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _sizes(report: RunReport) -> str:
    before, best = report.summary.before, report.summary.best
    if not best or not best.by_size:
        return ""
    pixels = {"small": "under 32 x 32", "medium": "32 to 96", "large": "over 96 x 96"}
    rows = [
        (f"{name} ({pixels[name]} pixels)", score(_of(before, name)), score(best.by_size[name]))
        for name in best.by_size
    ]
    return f"<h3>By size of the objects</h3>{table(('objects', 'AP before', 'AP best'), rows)}"


def _of(validation: Any, name: str) -> float | None:
    return validation.by_size.get(name) if validation else None


def _curves(records: Sequence[Mapping[str, Any]], report: RunReport) -> str:
    train = [record for record in records if record.get("kind") == "train"]
    val = [record for record in records if record.get("kind") == "val"]
    step = "batch" if accumulates(report) else "optimizer step"
    epoch = "epoch (0: base weights)"
    parts = [_line(name, train, key) for key, name in LOSS_PARTS.items()]
    charts = [
        _chart("Validation", [_line("mAP", val, METRIC), _line("mAP50", val, METRIC_50)], epoch),
        _chart("Loss", [_line("sum of all terms", train, "loss")], step),
        _chart("Loss of the last decoder layer", parts, step),
        _chart("Learning rate", [_line("learning rate", train, "lr")], step, _rates(report)),
        _chart(
            "Seconds of a step",
            [_line("whole step", train, "time"), _line("waiting for data", train, "data_time")],
            step,
        ),
        _chart("GPU memory (MiB)", [_line("peak", train, "memory")], step),
        _chart("Main memory (MiB)", [_line("peak", train, "process_memory")], step),
    ]
    shown = "".join(chart for chart in charts if chart)
    return f'<h2>Curves</h2><div class="charts">{shown}</div>' if shown else ""


def _line(name: str, records: Sequence[Mapping[str, Any]], key: str) -> Line:
    points = [(r["step"], max(r[key], 0.0)) for r in records if r.get(key) is not None]
    return Line(name, [x for x, _ in points], [y for _, y in points])


def _rates(report: RunReport) -> str:
    """Return what the curve of the learning rate does not show: the other groups of weights."""
    factor = report.settings.get("lora_lr_factor")
    if report.tune == "lora" and factor:
        return (
            f"The rate of the modules that are trained whole; the adapters learn at {factor:g} "
            "times it (lora_lr_factor)."
        )
    return ""


def _chart(title: str, lines: Sequence[Line], axis: str, note: str = "") -> str:
    drawn = [line for line in lines if line.x]
    if not drawn or not any(any(line.y) for line in drawn):
        return ""
    chart = line_charts.line_chart(title, drawn, axis, legend=len(lines) > 1, whole=True)
    return figure(title, chart, note)


def _precision_recall(classes: Sequence[PrecisionRecall]) -> str:
    counted = sorted((c for c in classes if c.precision_at), key=lambda c: -c.objects)
    if not counted:
        return ""
    lines = [Line(c.name, RECALL_AXIS, c.precision_at) for c in counted[:CURVES_OF_CLASSES]]
    rest = len(counted) - len(lines)
    note = "At an overlap of 0.5, of the best epoch."
    if rest > 0:
        note += f" The {len(lines)} classes with most boxes; {rest} more are in results.json."
    chart = line_charts.line_chart("precision and recall", lines, "recall", top=1.0)
    rows = [
        (
            c.name,
            f"{c.objects:,}",
            score(c.average_precision),
            _share(c.recall),
            _fixed(c.best_threshold),
            score(c.best_f1),
        )
        for c in counted[:SHOWN_CLASSES]
    ]
    header = ("class", "objects", "AP50", "found at all", "best threshold", "F1 there")
    return (
        f'<h2>Precision and recall</h2><div class="beside">{figure("", chart, note)}'
        f"{table(header, rows)}</div>"
    )


def _fixed(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _errors(report: RunReport) -> str:
    if report.threshold is None:
        return ""
    told = (
        f"<h2>Confusions</h2><p>Of the best epoch, counting detections with a score of at least "
        f"{report.threshold:.2f}, where precision and recall balance.</p>"
    )
    return told + (_confusion_matrix(report) or _confused_pairs(report))


def _confusion_matrix(report: RunReport) -> str:
    if not report.confusion_matrix:
        return ""
    names = [c.name for c in report.classes]
    grid = matrix(
        [*names, "nothing labelled there"],
        [*names, "missed"],
        report.confusion_matrix,
        "labelled as, taken for",
    )
    return (
        f'{grid}<p class="quiet">Each row says what the objects of a class were taken for; the '
        "last one, what was found where nothing is labelled.</p>"
    )


def _confused_pairs(report: RunReport) -> str:
    """Return the most frequent confusions, for more classes than a matrix can show."""
    rows = [(c.truth, c.detected, f"{c.count:,}") for c in report.confusions[:SHOWN_CONFUSIONS]]
    confused = (
        table(("labelled as", "taken for", "times"), rows)
        if rows
        else "<p>No object was taken for one of another class.</p>"
    )
    wrong = [e for e in report.errors if e.missed or e.background]
    wrong.sort(key=lambda e: -(e.missed + e.background))
    missed = table(
        ("class", "missed", "found where nothing is labelled"),
        ((e.name, f"{e.missed:,}", f"{e.background:,}") for e in wrong[:SHOWN_CONFUSIONS]),
    )
    return confused + (f"<h3>Missed and made up</h3>{missed}" if wrong else "")


def _images(title: str, images: Sequence[RunImage], report: RunReport) -> str:
    if not images:
        return ""
    drawn = "".join(
        f'<figure><img alt="{safe(p.file)}" src="{p.source}">'
        f"<figcaption>{safe(p.file)}<br>{safe(p.note)}</figcaption></figure>"
        for p in images
    )
    threshold = f"{report.threshold:.2f}" if report.threshold is not None else "-"
    return (
        f"<h2>{safe(title)}</h2><p class=quiet>Green: labelled. Orange: detected, with a score of "
        f'at least {threshold}.</p><div class="images">{drawn}</div>'
    )
