"""The inspection of a data set as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from train_teacher.inspection.facts import DatasetInfo, Example, Finding
from train_teacher.inspection.page.chart_numbers import InspectionCharts
from train_teacher.inspection.page.charts import chart_figures
from train_teacher.inspection.words import (
    REASON_WORDS,
    boxes_in_images,
    dropped_classes,
    group_findings,
    name_as_read,
    name_in_file,
    verdict,
)
from train_teacher.pages.page import render_page
from train_teacher.pages.parts import Figure, Image, Table

IMAGES_PER_FINDING = 4


@dataclass(frozen=True)
class SplitCharts:
    """The numbers of one split that the comparison shows beside those of its SplitInfo."""

    boxes_per_image: float
    side_median: float
    """Pixels at training scale."""
    small_share: float
    """Of the boxes, under 12 pixels at training scale."""


@dataclass(frozen=True)
class FindingView:
    """One finding for all files that share it."""

    number: int
    """Of the first in `DatasetInfo.findings`; names the place of the images."""
    first: Finding
    count: int
    splits: str
    examples: tuple[tuple[str | None, Example], ...]
    """With the split, where the finding is of several."""
    images: tuple[Image, ...]


@dataclass(frozen=True)
class ClassRow:
    """One class in a table with a bar for each split."""

    names: tuple[str, ...]
    amounts: tuple[tuple[str, float], ...]
    """Text above the bar, and the length of the bar, from 0 to 1."""


@dataclass(frozen=True)
class ClassTable:
    """Classes in rows, splits in columns."""

    header: tuple[str, ...]
    rows: list[ClassRow]


@dataclass(frozen=True)
class InspectionView:
    """Values shown by `inspection.html.j2`."""

    info: DatasetInfo
    name: str
    places: list[tuple[str, str]]
    """Kind and place of each source of the data."""
    verdict_kind: str
    sentence: str
    labelled_with: str
    dropped: list[tuple[int, str]]
    """Number of annotations that are left out, and the reason."""
    findings: list[FindingView]
    classes: ClassTable
    """Those with most boxes first."""
    figures: tuple[Figure, ...]
    splits: Table | None
    """None when there is only one."""
    shares: ClassTable
    """Of the boxes of each split, the largest differences first."""
    gallery: Sequence[Image]


def render_inspection(
    info: DatasetInfo,
    charts: InspectionCharts,
    split_charts: Sequence[SplitCharts] = (),
    images: Mapping[int, Sequence[Image]] | None = None,
    gallery: Sequence[Image] = (),
) -> str:
    """Return the page.

    Args:
        info: the facts.
        charts: the numbers of the plots, over all splits.
        split_charts: one for each of `info.splits`; nothing when there is only one split.
        images: by position in `info.findings`.
        gallery: a few images with their labels.

    Returns:
        A complete HTML document; every text from the data set in it is escaped.
    """
    ready, sentence = verdict(info)
    warned = any(f.severity == "warning" for f in info.findings)
    labels = [name for name, has in (("boxes", info.has_boxes), ("masks", info.has_masks)) if has]
    reasons = info.trained.dropped.items()
    view = InspectionView(
        info=info,
        name=info.path.rstrip("/").split("/")[-1] or info.path,
        places=_places(info),
        verdict_kind="bad" if not ready else "fair" if warned else "",
        sentence=sentence,
        labelled_with=" and ".join(labels),
        dropped=[
            (count, REASON_WORDS.get(reason, reason) + dropped_classes(info.trained, reason))
            for reason, count in reasons
        ],
        findings=[_finding(info, group, images or {}) for group in group_findings(info.findings)],
        classes=_classes(info),
        figures=chart_figures(charts),
        splits=_splits(info, split_charts) if len(info.splits) > 1 else None,
        shares=_shares(info),
        gallery=gallery,
    )
    return render_page("inspection/page/inspection.html.j2", **vars(view))


def _places(info: DatasetInfo) -> list[tuple[str, str]]:
    places = [("data", info.path)]
    if len(info.splits) > 1 or info.splits[0].path != info.path:
        places += [(split.name, split.path) for split in info.splits]
    folders = dict.fromkeys(split.image_dir or "not found" for split in info.splits)
    places += [("images", folder) for folder in folders]
    stated = f" ({info.provenance})" if info.provenance else ""
    return [*places, ("exporter", f"{info.exporter or 'unknown'}{stated}")]


def _finding(
    info: DatasetInfo, group: Sequence[int], images: Mapping[int, Sequence[Image]]
) -> FindingView:
    findings = [info.findings[number] for number in group]
    several = len(group) > 1
    shown = [image for number in group for image in images.get(number, ())]
    return FindingView(
        number=group[0],
        first=findings[0],
        count=sum(f.count for f in findings),
        splits=", ".join(f.split for f in findings if f.split),
        examples=tuple((f.split if several else None, e) for f in findings for e in f.examples),
        images=tuple(shown[:IMAGES_PER_FINDING]),
    )


def _classes(info: DatasetInfo) -> ClassTable:
    most = [max(s.boxes_per_class, default=0) for s in info.splits]

    def row(number: int) -> ClassRow:
        amounts = (
            (boxes_in_images(s, number), s.boxes_per_class[number] / max(top, 1))
            for s, top in zip(info.splits, most, strict=True)
        )
        names = name_in_file(info, number), name_as_read(info, number)
        return ClassRow(names, tuple(amounts))

    totals = [sum(s.boxes_per_class[i] for s in info.splits) for i in range(info.num_classes)]
    order = sorted(range(info.num_classes), key=lambda i: -totals[i])
    several = len(info.splits) > 1
    heads = (f"boxes{f' in {s.name}' if several else ''}, in images" for s in info.splits)
    return ClassTable(("class", "the model reads", *heads), [row(i) for i in order])


def _splits(info: DatasetInfo, split_charts: Sequence[SplitCharts]) -> Table:
    header = (
        "split",
        "images",
        "without boxes",
        "boxes",
        "boxes per image",
        "median box side (training scale)",
        "under 12 pixels",
    )
    rows = [
        (
            s.name,
            f"{s.num_images:,}",
            f"{s.num_empty_images:,}",
            f"{s.num_boxes:,}",
            f"{c.boxes_per_image:.1f}",
            f"{c.side_median:.0f}",
            f"{100 * c.small_share:.1f} %",
        )
        for s, c in zip(info.splits, split_charts, strict=True)
    ]
    return Table(header, rows)


def _shares(info: DatasetInfo) -> ClassTable:
    shares = [
        [s.boxes_per_class[i] / max(s.num_boxes, 1) for s in info.splits]
        for i in range(info.num_classes)
    ]
    rows = [
        ClassRow((name_in_file(info, i),), tuple((f"{100 * s:.1f} %", s) for s in shares[i]))
        for i in sorted(range(info.num_classes), key=lambda i: min(shares[i]) - max(shares[i]))
    ]
    return ClassTable(("class", *(f"of the boxes in {s.name}" for s in info.splits)), rows)
