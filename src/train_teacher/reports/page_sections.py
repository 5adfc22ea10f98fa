"""The parts of a run's page that list facts: the data, what was trained, the settings."""

from __future__ import annotations

from train_teacher.core import words
from train_teacher.core.words import duration
from train_teacher.inspection.facts import MaskInfo, SizeInfo
from train_teacher.pages.page import safe
from train_teacher.pages.parts import facts, table
from train_teacher.reports.facts import RunReport
from train_teacher.reports.setting_sources import CHOSEN, YOU, applies

LONGEST_VALUE = 200
"""Characters: three lines."""


def data_section(report: RunReport) -> str:
    """Return what was trained on: splits, prompt, sizes, masks, accepted findings."""
    splits = table(
        ("split", "images", "boxes", "without boxes", "image folder"),
        (
            (
                s.name,
                f"{s.num_images:,}",
                f"{s.num_boxes:,}",
                f"{s.num_empty_images:,}",
                s.image_dir or "",
            )
            for s in report.splits
        ),
    )
    found = "<p>The inspection found nothing to mention.</p>"
    if report.findings:
        found = table(
            ("code", "severity", "accepted finding", "consequence"),
            ((f.code, f.severity, f.message, f.consequence) for f in report.findings),
        )
    return f"<h2>Data</h2>{splits}{facts(_data_facts(report))}{found}"


def _data_facts(report: RunReport) -> list[tuple[str, str]]:
    pairs = []
    if report.prompt:
        estimate = "" if report.prompt.exact else ", estimated"
        pairs.append(("prompt", report.prompt.text.strip()))
        pairs.append(
            ("its tokens", f"{report.prompt.tokens:,} of {report.prompt.limit:,}{estimate}")
        )
    phrases = report.settings.get("prompts") or {}
    pairs += [("phrase", f"{name} is read as: {phrase}") for name, phrase in phrases.items()]
    if report.sizes:
        pairs += _size_facts(report.sizes)
        pairs.append(("masks", _masks(report.masks)))
        dropped = ", ".join(f"{count:,} {why}" for why, count in report.dropped.items() if count)
        pairs.append(("labels that were dropped", dropped or "none"))
    return pairs


def _size_facts(sizes: SizeInfo) -> list[tuple[str, str]]:
    return [
        (
            "images",
            f"{sizes.width_median} x {sizes.height_median} pixels at the median, at most "
            f"{sizes.width_max} x {sizes.height_max}, shortest side {sizes.short_side_min}",
        ),
        (
            "boxes",
            f"{sizes.boxes_per_image_median:g} in an image at the median, at most "
            f"{sizes.boxes_per_image_max}; a median box is as large as a square of "
            f"{sizes.box_side_median:.0f} pixels",
        ),
    ]


def _masks(masks: MaskInfo | None) -> str:
    if masks is None:
        return "none"
    kinds = []
    if masks.polygons:
        kinds.append(f"{masks.polygons:,} polygons of {masks.points_mean:.0f} points on average")
    if masks.run_lengths:
        kinds.append(f"{masks.run_lengths:,} run lengths")
    if masks.rectangles:
        kinds.append(f"{masks.rectangles:,} of them just rectangles")
    return ", ".join(kinds) or "none"


def training_section(report: RunReport) -> str:
    """Return the freeze table, what the run cost, and where it ran."""
    cost = report.cost
    counted = "batches" if accumulates(report) else "steps"
    pairs = [
        (counted, f"{cost.steps:,}"),
        ("one took", duration(cost.step_seconds)),
        ("of it, waiting for data", duration(cost.data_seconds)),
        ("GPU memory", f"{cost.memory_mib:,.0f} MiB" if cost.memory_mib else "no GPU used"),
    ]
    if cost.process_mib:
        pairs.append(("main memory", f"{cost.process_mib:,.0f} MiB at most"))
    pairs += [(name, words.size(count)) for name, count in report.files.items()]
    pairs += report.environment.items()
    frozen = (
        f'<h2>What was trained and what was frozen</h2><pre class="wide">'
        f"{safe(report.freeze_table, 20_000)}</pre>"
        if report.freeze_table
        else ""
    )
    return f"{frozen}<h2>Cost and environment</h2>{facts(pairs)}"


def accumulates(report: RunReport) -> bool:
    """Return whether several batches make an optimizer step: what is logged are batches."""
    return (report.settings.get("accumulation") or 1) > 1


def settings_section(report: RunReport) -> str:
    """Return the settings: first what was given or chosen, the rest folded away."""
    shown = {n: v for n, v in report.settings.items() if applies(n, v, report.tune)}
    order = {YOU: 0, CHOSEN: 1}
    first = [name for name in shown if report.sources.get(name) in order or not report.sources]
    first.sort(key=lambda name: order.get(report.sources.get(name, YOU), 0))
    rest = [name for name in shown if name not in first]
    folded = (
        f"<details><summary>{len(rest)} settings as the preset or the default has them</summary>"
        f"{_settings_table(report, rest)}</details>"
        if rest
        else ""
    )
    return (
        "<h2>Settings</h2>"
        f"<p>Repeat this run with <code>{safe(report.command, 2_000)}</code></p>"
        f"{_settings_table(report, first)}{folded}"
    )


def _settings_table(report: RunReport, names: list[str]) -> str:
    rows = [
        (
            name,
            _shown(report.settings[name]),
            report.sources.get(name, ""),
            report.reasons.get(name, ""),
        )
        for name in names
    ]
    shown = table(("setting", "value", "from", "reason"), rows)
    return f'<div class="settings">{shown}</div>'


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."
