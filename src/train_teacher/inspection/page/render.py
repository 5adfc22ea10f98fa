"""The inspection of a data set as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from train_teacher.inspection.facts import DatasetInfo, Example, Finding
from train_teacher.inspection.page.chart_numbers import InspectionCharts
from train_teacher.inspection.page.charts import charts_section
from train_teacher.inspection.words import (
    REASON_WORDS,
    boxes_in_images,
    dropped_classes,
    group_findings,
    name_in_file,
    verdict,
)
from train_teacher.pages import bar_charts
from train_teacher.pages.page import page, safe
from train_teacher.prompts.caption import reads_as

SHOWN_CLASSES = 60
SHOWN_PROMPT = 20_000
IMAGES_PER_FINDING = 3
STYLE = """
body { max-width: 72rem }
h1 + p { margin-top: .3rem }
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .2rem 1rem;
         margin: 1rem 0 } .facts dt { color: var(--quiet) }
.facts dd { margin: 0; overflow-wrap: anywhere }
.verdict { font-size: 1.15rem; font-weight: 600; padding: .6rem .9rem; border-radius: 8px;
           background: var(--block); border-left: 5px solid var(--good) }
.verdict.bad { border-color: var(--error) } .verdict.fair { border-color: var(--warning) }
.error { color: var(--error) } .warning { color: var(--warning) } .info { color: var(--info) }
.good { color: var(--good) }
.finding { padding: .7rem 0; border-bottom: 1px solid var(--faint); overflow-wrap: anywhere }
.finding p { margin: .15rem 0 } .finding > p { padding-left: 1.2rem }
.finding h3 { font-size: 1rem; margin: 0; line-height: 1.4 }
.finding h3 b { text-transform: uppercase; font-size: .8rem; letter-spacing: .04em }
details { margin: .3rem 0 } summary { cursor: pointer; color: var(--quiet) }
.finding details { padding-left: 1.2rem } details ul { margin: .2rem 0; padding-left: 1.2rem }
code { font: .88em ui-monospace, monospace; overflow-wrap: anywhere }
pre { white-space: pre-wrap; overflow-wrap: anywhere }
table { width: 100% } .name { min-width: 9rem; overflow-wrap: anywhere }
.amount { min-width: 9rem; white-space: nowrap; font-variant-numeric: tabular-nums }
.amount i { display: block; height: 5px; border-radius: 2px; background: var(--accent) }
.budget { height: 8px; max-width: 30rem; border-radius: 4px; background: var(--faint) }
.budget i { display: block; height: 100%; border-radius: 4px; background: var(--accent) }
.budget.bad i { background: var(--error) }
.charts, .images { display: grid; gap: 1.5rem 2rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)) }
.charts h3 { font-size: 1rem; margin: 0 0 .3rem } .charts figure { margin: 0 }
figcaption { font-size: .88rem; color: var(--quiet); overflow-wrap: anywhere }
.images { grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)) }
.images figure { margin: 0 } .images img { border-radius: 4px; display: block }
@media (max-width: 40rem) { .name { min-width: 7rem } .amount { min-width: 5.5rem } }
"""


@dataclass(frozen=True)
class Image:
    """One example of a finding, as it looks."""

    source: str
    """Data URI."""
    file: str
    annotation_id: int | str | None = None
    value: str | None = None


@dataclass(frozen=True)
class SplitCharts:
    """The numbers of one split that the comparison shows beside those of its SplitInfo."""

    boxes_per_image: float
    side_median: float
    """Pixels at training scale."""
    small_share: float
    """Of the boxes, under 12 pixels at training scale."""


def render_inspection(
    info: DatasetInfo,
    charts: InspectionCharts,
    split_charts: Sequence[SplitCharts] = (),
    images: Mapping[int, Sequence[Image]] | None = None,
) -> str:
    """Return the page.

    Args:
        info: the facts.
        charts: the numbers of the plots, over all splits.
        split_charts: one for each of `info.splits`; nothing when there is only one split.
        images: by position in `info.findings`.

    Returns:
        A complete HTML document; every text from the data set in it is escaped.
    """
    sections = [
        _head(info),
        _counts(info),
        _findings(info, images or {}),
        _classes(info),
        _prompt(info),
        charts_section(charts),
        _comparison(info, split_charts),
        _images(info, images or {}),
    ]
    name = info.path.rstrip("/").split("/")[-1] or info.path
    return page(
        f"Inspection of {name}",
        "\n".join(section for section in sections if section),
        bar_charts.STYLE + STYLE,
    )


def _head(info: DatasetInfo) -> str:
    ready, sentence = verdict(info)
    warned = any(f.severity == "warning" for f in info.findings)
    kind = "" if ready and not warned else " fair" if ready else " bad"
    facts = [("data", info.path)]
    if len(info.splits) > 1 or info.splits[0].path != info.path:
        facts += [(split.name, split.path) for split in info.splits]
    folders = dict.fromkeys(split.image_dir or "not found" for split in info.splits)
    facts += [("images", folder) for folder in folders]
    stated = f" ({info.provenance})" if info.provenance else ""
    facts.append(("exporter", f"{info.exporter or 'unknown'}{stated}"))
    rows = "".join(f"<dt>{safe(name)}</dt><dd>{safe(value)}</dd>" for name, value in facts)
    return (
        f'<h1>What is in this data set</h1>\n<dl class="facts">{rows}</dl>\n'
        f'<p class="verdict{kind}">{safe(sentence)}</p>'
    )


def _counts(info: DatasetInfo) -> str:
    trained = info.trained
    several = len(info.splits) > 1
    boxes = sum(split.num_boxes for split in info.splits)
    empty = sum(split.num_empty_images for split in info.splits)
    cards = (
        ("images", f"{info.num_images:,}", f"{empty:,} without a box"),
        ("boxes", f"{boxes:,}", f"of {_plural(info.num_annotations, 'annotation')}"),
        ("classes", f"{info.num_classes:,}", _holds(info)),
        (
            "trained" + (" (train file)" if several else ""),
            f"{trained.boxes:,}",
            f"boxes in {_plural(trained.images, 'image')}",
        ),
    )
    html = "".join(
        f'<div>{name}<b>{number}</b><span class="quiet">{note}</span></div>'
        for name, number, note in cards
    )
    return f'<div class="scores">{html}</div>\n{_dropped(info)}'


def _holds(info: DatasetInfo) -> str:
    kinds = [
        name for name, there in (("boxes", info.has_boxes), ("masks", info.has_masks)) if there
    ]
    return f"labelled with {' and '.join(kinds)}" if kinds else "without labels"


def _dropped(info: DatasetInfo) -> str:
    if not info.trained.dropped:
        return "<p>No annotation is left out of training.</p>"
    items = "".join(
        f"<li>{_plural(count, 'annotation')}: {safe(REASON_WORDS.get(reason, reason))}"
        f"{safe(dropped_classes(info.trained, reason))}</li>"
        for reason, count in info.trained.dropped.items()
    )
    return f"<p>Left out of training:</p><ul>{items}</ul>"


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _findings(info: DatasetInfo, images: Mapping[int, Sequence[Image]]) -> str:
    groups = group_findings(info.findings)
    if not groups:
        return "<h2>Findings</h2>\n<p>The inspection found nothing to mention.</p>"
    shown = [_finding(info.findings, group, images) for group in groups]
    return "<h2>Findings, worst first</h2>\n" + "\n".join(shown)


def _finding(
    findings: Sequence[Finding], group: Sequence[int], images: Mapping[int, Sequence[Image]]
) -> str:
    first = findings[group[0]]
    count = sum(findings[number].count for number in group)
    splits = ", ".join(name for number in group if (name := findings[number].split))
    where = f"{count:,} {'place' if count == 1 else 'places'}" + (f" in {splits}" if splits else "")
    examples = [(findings[n].split, e) for n in group for e in findings[n].examples]
    items = "".join(
        f"<li>{_example(example, split if len(group) > 1 else None)}</li>"
        for split, example in examples
    )
    shown = f"<details><summary>examples</summary><ul>{items}</ul></details>" if items else ""
    look = f' <a href="#images-{group[0]}">images</a>' if any(n in images for n in group) else ""
    return (
        f'<article class="finding"><h3><b class="{first.severity}">{first.severity}</b> '
        f"<code>{safe(first.code)}</code> {safe(first.message)}</h3>"
        f'<p class="quiet">{safe(where)}{look}</p><p>{safe(first.consequence)}</p>'
        f"<p><b>Fix:</b> {safe(first.fix)}</p>{shown}</article>"
    )


def _example(example: Example, split: str | None) -> str:
    parts = [f"{safe(split)}:"] if split else []
    if example.path:
        value = "" if example.value is None else f" = {example.value}"
        parts.append(f"<code>{safe(example.path + value)}</code>")
    elif example.value is not None and example.value != example.file:
        parts.append(f"<code>{safe(example.value)}</code>")
    if example.annotation_id is not None:
        parts.append(f"annotation {safe(str(example.annotation_id))}")
    if example.file:
        parts.append(f"in {safe(example.file)}" if example.path else safe(example.file))
    return " ".join(parts)


def _classes(info: DatasetInfo) -> str:
    totals = [sum(s.boxes_per_class[i] for s in info.splits) for i in range(info.num_classes)]
    order = sorted(range(info.num_classes), key=lambda number: -totals[number])
    most = [max(s.boxes_per_class, default=0) for s in info.splits]
    names = [f"boxes in {s.name}" for s in info.splits] if len(info.splits) > 1 else ["boxes"]
    names = [f"{name}, in images" for name in names]
    rows = []
    for number in order:
        name = name_in_file(info, number)
        bars = "".join(
            _amount(boxes_in_images(s, number), s.boxes_per_class[number] / max(top, 1))
            for s, top in zip(info.splits, most, strict=True)
        )
        reads = safe(reads_as(info.class_names[number])) or '<span class="error">nothing</span>'
        rows.append(
            f'<tr><td class="name">{safe(name)}</td><td class="name">{reads}</td>{bars}</tr>'
        )
    return f"<h2>Classes</h2>\n{_collapsing(['class', 'the model reads', *names], rows)}"


def _amount(text: str, share: float) -> str:
    bar = f'<i style="width:{100 * share:.1f}%"></i>' if share else ""
    return f'<td class="amount">{text}{bar}</td>'


def _collapsing(head: Sequence[str], rows: Sequence[str]) -> str:
    """Return a table; what is beyond the first rows opens on demand."""
    if not rows:
        return "<p>None.</p>"
    cells = "".join(f"<th>{safe(cell)}</th>" for cell in head)
    tables = [
        f'<div class="wide"><table><tr>{cells}</tr>{"".join(part)}</table></div>'
        for part in (rows[:SHOWN_CLASSES], rows[SHOWN_CLASSES:])
        if part
    ]
    if len(tables) == 1:
        return tables[0]
    more = len(rows) - SHOWN_CLASSES
    return f"{tables[0]}<details><summary>{more:,} more</summary>{tables[1]}</details>"


def _prompt(info: DatasetInfo) -> str:
    prompt = info.prompt
    share = min(prompt.tokens / max(prompt.limit, 1), 1)
    bad = " bad" if prompt.tokens > prompt.limit else ""
    about = "" if prompt.exact else "about "
    note = "" if prompt.exact else " (an estimate: no vocabulary was at hand, see --language-model)"
    return (
        f"<h2>Prompt</h2>\n<p>The names take {about}{prompt.tokens:,} of {prompt.limit:,} "
        f'tokens{note}.</p>\n<div class="budget{bad}">'
        f'<i style="width:{100 * share:.1f}%"></i></div>'
        f"<details><summary>the caption that the language model reads</summary>"
        f"<pre>{safe(prompt.text, SHOWN_PROMPT)}</pre></details>"
    )


def _comparison(info: DatasetInfo, split_charts: Sequence[SplitCharts]) -> str:
    if len(info.splits) <= 1:
        return ""
    head = [
        "split",
        "images",
        "without boxes",
        "boxes",
        "boxes per image",
        "median box side (training scale)",
        "under 12 pixels",
    ]
    rows = "".join(
        f"<tr><td>{safe(s.name)}</td>"
        + "".join(
            f'<td class="n">{cell}</td>'
            for cell in (
                f"{s.num_images:,}",
                f"{s.num_empty_images:,}",
                f"{s.num_boxes:,}",
                f"{c.boxes_per_image:.1f}",
                f"{c.side_median:.0f}",
                f"{100 * c.small_share:.1f} %",
            )
        )
        + "</tr>"
        for s, c in zip(info.splits, split_charts, strict=True)
    )
    heads = "".join(f"<th{' class=n' if n else ''}>{cell}</th>" for n, cell in enumerate(head))
    return (
        f'<h2>The splits compared</h2>\n<div class="wide"><table><tr>{heads}</tr>{rows}</table>'
        f"</div>\n{_shares(info)}"
    )


def _shares(info: DatasetInfo) -> str:
    """Return the share of the boxes that each class has, those that differ most first."""
    shares = [
        [s.boxes_per_class[i] / max(s.num_boxes, 1) for s in info.splits]
        for i in range(info.num_classes)
    ]
    order = sorted(range(info.num_classes), key=lambda i: min(shares[i]) - max(shares[i]))
    rows = [
        f'<tr><td class="name">{safe(name_in_file(info, i))}</td>'
        + "".join(_amount(f"{100 * share:.1f} %", share) for share in shares[i])
        + "</tr>"
        for i in order
    ]
    head = ["class", *(f"of the boxes in {s.name}" for s in info.splits)]
    return f"<h3>Share of each class, the largest differences first</h3>\n{_collapsing(head, rows)}"


def _images(info: DatasetInfo, images: Mapping[int, Sequence[Image]]) -> str:
    parts = []
    for group in group_findings(info.findings):
        shown = [image for number in group for image in images.get(number, ())]
        if shown:
            first = info.findings[group[0]]
            figures = "".join(_image(p) for p in shown[:IMAGES_PER_FINDING])
            parts.append(
                f'<h3 id="images-{group[0]}"><code>{safe(first.code)}</code> '
                f'{safe(first.message)}</h3><div class="images">{figures}</div>'
            )
    if not parts:
        return ""
    note = "Red: the box concerned. Grey: the other boxes of the image."
    return f'<h2>How it looks</h2>\n<p class="quiet">{note}</p>\n' + "\n".join(parts)


def _image(image: Image) -> str:
    caption = [image.file]
    if image.annotation_id is not None:
        caption.append(f"annotation {image.annotation_id}")
    if image.value not in (None, image.file, str(image.annotation_id)):
        caption.append(str(image.value))
    text = safe(", ".join(caption))
    return (
        f'<figure><img alt="{text}" src="{image.source}"><figcaption>{text}</figcaption></figure>'
    )
