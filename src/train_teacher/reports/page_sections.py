"""What a run's page lists: facts about the data, what the run cost, its settings."""

from __future__ import annotations

from dataclasses import dataclass

from train_teacher.core.words import duration, size
from train_teacher.inspection.facts import MaskInfo, SizeInfo
from train_teacher.pages.parts import Table
from train_teacher.reports.curves import accumulates
from train_teacher.reports.facts import RunReport
from train_teacher.reports.setting_sources import CHOSEN, YOU, applies

LONGEST_VALUE = 200
"""Characters: three lines."""


@dataclass(frozen=True)
class SettingsView:
    """The settings with their sources and reasons."""

    first: Table
    """What was given or chosen."""
    rest: Table


def data_facts(report: RunReport) -> list[tuple[str, str]]:
    """Return what was trained on: prompt, sizes, masks, dropped labels."""
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


def cost_facts(report: RunReport) -> list[tuple[str, str]]:
    """Return what the run cost, and where it ran."""
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
    pairs += [(name, size(count)) for name, count in report.files.items()]
    return [*pairs, *report.environment.items()]


def settings_view(report: RunReport) -> SettingsView:
    """Return the settings: those that were given or chosen, and the rest."""
    shown = {n: v for n, v in report.settings.items() if applies(n, v, report.tune)}
    order = {YOU: 0, CHOSEN: 1}
    first = [name for name in shown if report.sources.get(name) in order or not report.sources]
    first.sort(key=lambda name: order.get(report.sources.get(name, YOU), 0))
    rest = [name for name in shown if name not in first]
    return SettingsView(_settings(report, first), _settings(report, rest))


def _settings(report: RunReport, names: list[str]) -> Table:
    rows = []
    for name in names:
        value = str(report.settings[name])
        cut = value if len(value) <= LONGEST_VALUE else value[: LONGEST_VALUE - 3] + "..."
        rows.append((name, cut, report.sources.get(name, ""), report.reasons.get(name, "")))
    return Table(("setting", "value", "from", "reason"), rows)
