"""A DatasetInfo as text for people and as JSON."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Iterable, Sequence

import msgspec

from train_teacher.core.terminal_text import plain
from train_teacher.core.words import shortened
from train_teacher.inspection.facts import (
    DatasetInfo,
    Example,
    Finding,
    MaskInfo,
    Severity,
    SplitInfo,
)
from train_teacher.inspection.words import (
    REASON_WORDS,
    boxes_in_images,
    dropped_classes,
    name_as_read,
    name_in_file,
)

MAX_WIDTH = 100
MIN_WIDTH = 50
SHOWN_CLASSES = 40
NAME_WIDTH = 32
LABEL_WIDTH = 10
_COLORS: dict[Severity, str] = {"error": "31;1", "warning": "33;1", "info": "36"}


def render_json(info: DatasetInfo) -> str:
    """Return the facts as one indented JSON object."""
    return msgspec.json.format(msgspec.json.encode(info), indent=2).decode() + "\n"


def render_text(info: DatasetInfo, *, color: bool = False, width: int | None = None) -> str:
    """Return the report for people.

    Args:
        info: the facts.
        color: write ANSI colors (never with NO_COLOR set).
        width: columns; the terminal's by default.
    """
    columns = width or shutil.get_terminal_size((MAX_WIDTH, 24)).columns
    paper = _Paper(max(MIN_WIDTH, min(columns, MAX_WIDTH)), color and "NO_COLOR" not in os.environ)
    _header(paper, info)
    _classes(paper, info)
    _findings(paper, info)
    _trained(paper, info)
    return "\n".join(paper.lines) + "\n"


class _Paper:
    """Lines of text, wrapped at a width."""

    def __init__(self, width: int, color: bool) -> None:
        self.width = width
        self.color = color
        self.lines: list[str] = []

    def styled(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.color else text

    def title(self, text: str) -> None:
        self.lines += ["", self.styled(text, "1")]

    def wrapped(self, label: str, text: str, indent: int) -> None:
        """Write `label text`, continuation lines under the text."""
        first = f"{label:<{indent}}"
        self.lines += textwrap.wrap(
            plain(text),
            self.width,
            initial_indent=first,
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [first.rstrip()]


def _header(paper: _Paper, info: DatasetInfo) -> None:
    files = [f"{s.name}: {s.path}" for s in info.splits] if len(info.splits) > 1 else [info.path]
    for number, file in enumerate(files):
        paper.wrapped("" if number else "data", file, LABEL_WIDTH)
    stated = f" ({info.provenance})" if info.provenance else ""
    paper.wrapped("exporter", f"{info.exporter or 'unknown'}{stated}", LABEL_WIDTH)
    folders = list(dict.fromkeys(s.image_dir or "not found" for s in info.splits))
    for number, folder in enumerate(folders):
        paper.wrapped("" if number else "images", folder, LABEL_WIDTH)
    sizes = info.sizes
    paper.wrapped(
        "sizes",
        f"{sizes.width_median} x {sizes.height_median} pixels (median; largest "
        f"{sizes.width_max} x {sizes.height_max}); boxes per image: "
        f"{sizes.boxes_per_image_median:g} (median; 95 % have at most "
        f"{sizes.boxes_per_image_p95}; most {sizes.boxes_per_image_max}); "
        f"box side: {sizes.box_side_median:g} pixels (median)",
        LABEL_WIDTH,
    )
    holds = [
        word for word, there in (("boxes", info.has_boxes), ("masks", info.has_masks)) if there
    ]
    masks = f" ({_masks(info.masks)})" if info.masks else ""
    paper.wrapped("labels", (" and ".join(holds) or "none") + masks, LABEL_WIDTH)
    paper.title("Files" if len(info.splits) > 1 else "File")
    _table(
        paper,
        ["", "images", "without boxes", "annotations", "boxes"],
        [
            [
                s.name,
                _n(s.num_images),
                _n(s.num_empty_images),
                _n(s.num_annotations),
                _n(s.num_boxes),
            ]
            for s in info.splits
        ],
    )


def _masks(masks: MaskInfo) -> str:
    kinds = (
        (masks.polygons - masks.rectangles, "polygon{} of " + f"{masks.points_mean:g} points"),
        (masks.rectangles, "upright rectangle{}"),
        (masks.run_lengths, "run-length mask{}"),
    )
    told = [f"{n:,} {what.format('' if n == 1 else 's')}" for n, what in kinds if n]
    return ", ".join(told)


def _n(number: int) -> str:
    return f"{number:,}"


def _table(
    paper: _Paper, head: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1
) -> None:
    """Write columns; the first `texts` of them hold text and are left-aligned."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        cells = [
            f"{cell:<{w}}" if i < texts else f"{cell:>{w}}"
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        paper.lines.append(plain("  " + "  ".join(cells)).rstrip())


def _classes(paper: _Paper, info: DatasetInfo) -> None:
    paper.title(f"Classes ({info.num_classes}), boxes and images of each")
    order = sorted(range(info.num_classes), key=lambda i: -_total(info.splits, i))
    shown = order[:SHOWN_CLASSES]
    rows = [
        [
            shortened(name_in_file(info, i), NAME_WIDTH),
            shortened(name_as_read(info, i) or "(nothing)", NAME_WIDTH),
            *(boxes_in_images(s, i) for s in info.splits),
        ]
        for i in shown
    ]
    heads = [f"{s.name} boxes" for s in info.splits] if len(info.splits) > 1 else ["boxes"]
    _table(paper, ["name", "the model reads", *heads], rows, texts=2)
    if len(order) > len(shown):
        rest = order[SHOWN_CLASSES:]
        boxes = sum(_total(info.splits, i) for i in rest)
        paper.lines.append(f"  ... and {len(rest)} more classes with {boxes:,} boxes")
    about = "" if info.prompt.exact else "about "
    note = "" if info.prompt.exact else " (estimate: no vocabulary available, see --language-model)"
    paper.wrapped("", f"prompt: {about}{info.prompt.tokens} of {info.prompt.limit} tokens{note}", 2)


def _total(splits: Iterable[SplitInfo], number: int) -> int:
    return sum(s.boxes_per_class[number] for s in splits)


def _findings(paper: _Paper, info: DatasetInfo) -> None:
    counts = {level: sum(f.severity == level for f in _merged(info.findings)) for level in _COLORS}
    if not info.findings:
        paper.title("Findings: none")
        return
    told = [
        f"{c} {level}{'s' if c != 1 and level != 'info' else ''}"
        for level, c in counts.items()
        if c
    ]
    paper.title(f"Findings: {', '.join(told)}")
    for finding in _merged(info.findings):
        _finding(paper, finding)
    paper.lines.append("")
    paper.wrapped("", f"More on a code: inspect-data --explain {info.findings[0].code}", 2)


def _merged(findings: Sequence[Finding]) -> list[Finding]:
    """Join what is the same in several files, so that one kind is reported once."""
    joined: dict[tuple[str, ...], Finding] = {}
    for f in findings:
        key = (f.code, f.severity, f.message, f.fix)
        before = joined.get(key)
        if before is None:
            joined[key] = f
        else:
            joined[key] = msgspec.structs.replace(
                before, split=f"{before.split}, {f.split}", count=before.count + f.count
            )
    return list(joined.values())


def _finding(paper: _Paper, finding: Finding) -> None:
    where = f"{finding.split}: " if finding.split else ""
    start = len(paper.lines)
    label = f"  {finding.severity:<8}{finding.code:<5}"
    paper.wrapped(label, where + finding.message, len(label))
    colored = paper.styled(label, _COLORS[finding.severity])
    paper.lines[start] = colored + paper.lines[start][len(label) :]
    indent = len(label)
    paper.wrapped("", finding.consequence, indent)
    for example in finding.examples:
        paper.wrapped("", "- " + _example(example), indent)
    paper.wrapped("", "> " + finding.fix, indent)


def _example(example: Example) -> str:
    text = example.path or (example.file or "")
    id_ = example.annotation_id
    if id_ is not None and text.startswith("annotations[") and not text.endswith(".id"):
        text = text.replace("]", f"] (id {id_})", 1)
    if example.value is not None:
        text += f" = {example.value}"
    if example.file and example.path and example.file != example.value:
        text += f"  ({example.file})"
    return text


def _trained(paper: _Paper, info: DatasetInfo) -> None:
    paper.title("What will be trained")
    trained = info.trained
    where = " of the train file" if len(info.splits) > 1 else ""
    classes = f"{info.num_classes} class{'' if info.num_classes == 1 else 'es'}"
    paper.wrapped(
        "",
        f"{_n(trained.images)} images{where} with {_n(trained.boxes)} boxes of {classes}"
        + ("" if len(info.splits) > 1 else ", before a part is set aside for val and test"),
        2,
    )
    for reason, count in trained.dropped.items():
        noun = "annotation" if count == 1 else "annotations"
        told = f"left out: {_n(count)} {noun}, {REASON_WORDS.get(reason, reason)}"
        paper.wrapped("", told + dropped_classes(trained, reason), 2)
    if not trained.dropped:
        paper.wrapped("", "no annotation is left out", 2)
