"""The page that explains a run: one self-contained HTML file."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from train_teacher.domain.dataset_info import DatasetInfo
from train_teacher.domain.page_style import page
from train_teacher.domain.run_summary import RunSummary


def render_report(
    *,
    name: str,
    dataset_info: DatasetInfo,
    settings: Mapping[str, Any],
    summary: RunSummary,
    plots: Mapping[str, bytes],
    log: str,
) -> str:
    """Return the report of a run.

    Args:
        name: of the run folder.
        dataset_info: facts about the canonical copies.
        settings: resolved settings.
        summary: scores before and after.
        plots: PNG images by name; embedded.
        log: text of train.log, from which freeze table and proof are shown.

    Returns:
        A complete HTML document; every name in it is escaped.
    """
    sections = [
        f"<h1>{escape(name)}</h1>",
        f'<p class="quiet">{escape(settings["model"])} on {escape(dataset_info.path)}</p>',
        _scores(summary),
        "<h2>Average precision by class</h2>",
        _class_table(dataset_info, summary),
        "<h2>Curves</h2>",
        *(_figure(title, image) for title, image in plots.items()),
        "<h2>Data</h2>",
        _split_table(dataset_info),
        _findings(dataset_info),
        "<h2>What was trained and what was frozen</h2>",
        f"<pre>{escape(_freeze_lines(log))}</pre>",
        "<h2>Settings</h2>",
        _table(("setting", "value"), ((key, str(value)) for key, value in settings.items())),
    ]
    return page(name, "\n".join(sections))


def _scores(summary: RunSummary) -> str:
    cards = []
    for label, validation in (("before", summary.before), ("best", summary.best)):
        if validation:
            when = f"epoch {validation.epoch}" if validation.epoch else "base weights"
            cards.append(
                f"<div>{label}<b>{validation.map:.3f}</b>box mAP, mAP50 {validation.map_50:.3f}"
                f'<br><span class="quiet">{when}</span></div>'
            )
    if summary.before and summary.best:
        gain = summary.best.map - summary.before.map
        cards.append(f"<div>gain<b>{gain:+.3f}</b>box mAP on the validation split</div>")
    return f'<div class="scores">{"".join(cards)}</div>'


def _class_table(info: DatasetInfo, summary: RunSummary) -> str:
    before = summary.before.per_class if summary.before else {}
    best = summary.best.per_class if summary.best else {}
    counts = {split.name: split.boxes_per_class for split in info.splits}
    rows = []
    for index, name in enumerate(info.class_names):
        cells = [str(counts[split][index]) for split in counts]
        rows.append((name, *cells, _number(before.get(name)), _number(best.get(name))))
    header = ("class", *(f"{split} boxes" for split in counts), "AP before", "AP best")
    return _table(header, rows)


def _split_table(info: DatasetInfo) -> str:
    return _table(
        ("split", "images", "boxes", "without boxes", "image folder"),
        (
            (
                s.name,
                str(s.num_images),
                str(s.num_boxes),
                str(s.num_empty_images),
                s.image_dir or "",
            )
            for s in info.splits
        ),
    )


def _findings(info: DatasetInfo) -> str:
    if not info.findings:
        return "<p>The inspection found nothing to mention.</p>"
    return _table(
        ("code", "severity", "what", "consequence"),
        ((f.code, f.severity, f.message, f.consequence) for f in info.findings),
    )


def _freeze_lines(log: str) -> str:
    lines = log.splitlines()
    starts = [number for number, line in enumerate(lines) if "parameters  state" in line]
    proof = [line.split(" - ")[-1] for line in lines if "proof: " in line]
    if not starts:
        return "no table in train.log"
    first = starts[-1]
    last = next((i for i in range(first, len(lines)) if lines[i].startswith("total")), first)
    table = [lines[first].split(" - ")[-1], *lines[first + 1 : last + 1]]
    return "\n".join([*table, *proof[-1:]])


def _figure(title: str, image: bytes) -> str:
    data = base64.b64encode(image).decode("ascii")
    caption = escape(title.replace("_", " "))
    return (
        f'<figure><img alt="{caption}" src="data:image/png;base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td{_align(cell)}>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _align(cell: str) -> str:
    return ' class="n"' if cell.replace(".", "", 1).replace("-", "", 1).isdigit() else ""


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
