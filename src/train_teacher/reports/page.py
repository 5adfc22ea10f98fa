"""The report page of a run: one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Sequence

from train_teacher.core.words import change, score, shortened
from train_teacher.inspection.facts import MaskInfo
from train_teacher.pages.charts import Line, line_chart
from train_teacher.pages.page import render_page
from train_teacher.pages.parts import Figure, Table
from train_teacher.prompts.caption import told_name
from train_teacher.reports.curves import Plot, accumulates
from train_teacher.reports.facts import RunReport
from train_teacher.reports.forgetting import RetainedScores
from train_teacher.reports.setting_sources import CHOSEN, YOU, applies
from train_teacher.reports.shown_images import NO_IMAGES, ShownImages
from train_teacher.reports.summary import Validation
from train_teacher.scores.analysis import PrecisionRecall

CURVES_OF_CLASSES = 8
FIRST_CLASSES, SHOWN_CLASSES = 12, 200
"""Shown at once, and when the rest is unfolded."""
SHOWN_CONFUSIONS = 15
RECALL_AXIS = tuple(point / 100 for point in range(101))
LONGEST_VALUE = 200
"""Characters of a setting: three lines."""
SIZES = {"small": "under 32 x 32", "medium": "32 to 96", "large": "over 96 x 96"}


def render_report(
    report: RunReport,
    plots: Sequence[Plot],
    images: ShownImages = NO_IMAGES,
) -> str:
    """Return the report of a run as a complete HTML document; every name in it is escaped."""
    shown = [n for n, value in report.settings.items() if applies(n, value, report.tune)]
    # A report of before there were sources folds nothing away.
    sources = report.sources or dict.fromkeys(shown, YOU)
    first = [name for source in (YOU, CHOSEN) for name in shown if sources.get(name) == source]
    return render_page(
        "reports/report.html.j2",
        report=report,
        classes=_classes(report, 0, FIRST_CLASSES),
        more_classes=_classes(report, FIRST_CLASSES, SHOWN_CLASSES),
        hidden_classes=len(report.classes) - SHOWN_CLASSES,
        sizes=_sizes(report.summary.before, report.summary.best),
        retained=_retained(report.retained) if report.retained else None,
        curves=[_figure(plot) for plot in plots if any(any(line.y) for line in plot.lines)],
        precision_recall=_precision_recall(report.precision_recall),
        confused=_confused(report),
        wrong=_wrong(report),
        images=(("Where it goes wrong", images.worst), ("Where it does best", images.best)),
        pairs=images.pairs,
        thresholds=images.thresholds,
        splits=_splits(report),
        mask_kinds=_mask_kinds(report.masks) if report.masks else [],
        dropped=[f"{count:,} {why}" for why, count in report.dropped.items() if count],
        findings=_findings(report),
        batches=accumulates(report),
        chosen_settings=_settings(report, first),
        other_settings=_settings(report, [name for name in shown if name not in first]),
    )


def _classes(report: RunReport, start: int, stop: int) -> Table:
    header = ["class", "train boxes", "val boxes", "AP before", "AP best", "change"]
    rows = [
        [
            told_name(c.name, report.phrases.get(c.name, c.name)),
            f"{c.train_boxes:,}",
            f"{c.val_boxes:,}",
            score(c.before),
            score(c.best),
            change(c.gain),
            _share(c.zero_shot_recall),
        ]
        for c in report.classes[start:stop]
    ]
    if any(c.zero_shot_recall is not None for c in report.classes):
        return Table([*header, "found zero-shot"], rows)
    return Table(header, [row[:-1] for row in rows])


def _retained(retained: RetainedScores) -> Table:
    before, after = retained.before, retained.after
    rows = [("all", retained.num_objects, before.average_precision, after.average_precision)]
    rows += [
        (now.name, now.objects, was.average_precision, now.average_precision)
        for was, now in zip(before.classes, after.classes, strict=True)
    ][:SHOWN_CLASSES]
    return Table(
        ("class", "objects", "AP before", "AP after"),
        [(name, f"{count:,}", score(was), score(now)) for name, count, was, now in rows],
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _sizes(before: Validation | None, best: Validation | None) -> Table | None:
    if not best or not best.by_size:
        return None
    was = before.by_size if before else {}
    rows = [
        (f"{name} ({SIZES[name]} pixels)", score(was.get(name)), score(value))
        for name, value in best.by_size.items()
    ]
    return Table(("objects", "AP before", "AP best"), rows)


def _figure(plot: Plot) -> Figure:
    chart = line_chart(plot.title, plot.lines, plot.axis, legend=plot.legend, whole=True)
    return Figure(plot.title, chart, plot.note)


def _precision_recall(classes: Sequence[PrecisionRecall]) -> tuple[Figure, Table] | None:
    counted = sorted((c for c in classes if c.precision_at), key=lambda c: -c.objects)
    if not counted:
        return None
    lines = [Line(c.name, RECALL_AXIS, c.precision_at) for c in counted[:CURVES_OF_CLASSES]]
    rest = len(counted) - len(lines)
    note = "At an overlap of 0.5, of the best epoch."
    if rest > 0:
        note += f" The {len(lines)} classes with most boxes; {rest} more are in results.json."
    rows = [
        (
            c.name,
            f"{c.objects:,}",
            score(c.average_precision),
            _share(c.recall),
            "-" if c.best_threshold is None else f"{c.best_threshold:.2f}",
            score(c.best_f1),
        )
        for c in counted[:SHOWN_CLASSES]
    ]
    header = ("class", "objects", "AP50", "found at all", "best threshold", "F1 there")
    chart = line_chart("precision and recall", lines, "recall", top=1.0)
    return Figure("", chart, note), Table(header, rows)


def _confused(report: RunReport) -> Table:
    rows = [(c.truth, c.detected, f"{c.count:,}") for c in report.confusions[:SHOWN_CONFUSIONS]]
    return Table(("labeled as", "taken for", "times"), rows)


def _wrong(report: RunReport) -> Table:
    wrong = sorted(report.errors, key=lambda e: -(e.missed + e.background))[:SHOWN_CONFUSIONS]
    rows = [
        (e.name, f"{e.missed:,}", f"{e.background:,}") for e in wrong if e.missed or e.background
    ]
    return Table(("class", "missed", "found where nothing is labeled"), rows)


def _splits(report: RunReport) -> Table:
    rows = [
        (
            s.name,
            f"{s.num_images:,}",
            f"{s.num_boxes:,}",
            f"{s.num_empty_images:,}",
            s.image_dir or "",
        )
        for s in report.splits
    ]
    return Table(("split", "images", "boxes", "without boxes", "image folder"), rows)


def _findings(report: RunReport) -> Table:
    rows = [(f.code, f.severity, f.message, f.consequence) for f in report.findings]
    return Table(("code", "severity", "accepted finding", "consequence"), rows)


def _mask_kinds(masks: MaskInfo) -> list[str]:
    kinds = (
        (masks.polygons, f"polygons of {masks.points_mean:.0f} points on average"),
        (masks.run_lengths, "run lengths"),
        (masks.rectangles, "of them just rectangles"),
    )
    return [f"{count:,} {kind}" for count, kind in kinds if count]


def _settings(report: RunReport, names: Sequence[str]) -> Table:
    rows = [
        (
            name,
            shortened(str(report.settings[name]), LONGEST_VALUE),
            report.sources.get(name, ""),
            report.reasons.get(name, ""),
        )
        for name in names
    ]
    return Table(("setting", "value", "from", "reason"), rows)
