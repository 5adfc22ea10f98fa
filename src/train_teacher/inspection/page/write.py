"""Writes the inspection as an HTML page: gathers plots and images of the worst examples."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from train_teacher.coco.categories import real_categories
from train_teacher.coco.mmdet_loader import LoadedRows, trained_rows
from train_teacher.core.arrays import Floats, Ints
from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.protected_files import refuse_input
from train_teacher.core.words import plural
from train_teacher.images.drawings import Color, class_color
from train_teacher.images.files import image_paths
from train_teacher.images.gallery import spanning_images
from train_teacher.images.names import relative_name
from train_teacher.images.thumbnails import GREY, RED, Mark, thumbnail
from train_teacher.inspection.facts import DatasetInfo, Example, Finding
from train_teacher.inspection.load import TRAIN, LoadedSplit
from train_teacher.inspection.page.chart_numbers import BoxSample, inspection_charts, join_samples
from train_teacher.inspection.page.render import SplitCharts, render_inspection
from train_teacher.inspection.training_scale import short_sides
from train_teacher.pages.parts import Image
from train_teacher.prompts.caption import match_names

MOST_IMAGES = 24
"""Of examples of findings."""
SHOWN = "BFIMD"
"""Series of codes whose examples can be seen in an image; of what is just worth knowing, not those
of how the file is written (F) and of masks (M), which a page does not draw."""
SHOWN_INFO = "BID"
_PLACE = re.compile(r"\b(annotations|images)\[(\d+)\]")
_LIKE = re.compile(r"like (?P<file>.+) of (?P<split>\w+)")
"""Where the other one of two equal images is."""


def check_page_target(path: Path, splits: Sequence[LoadedSplit]) -> None:
    """Make sure that the page does not replace what it tells of.

    Raises:
        UsageError: it is one of the annotation files or one of their images.
    """
    for split in splits:
        images = (p for p in image_paths(split.dataset, split.files) if p is not None)
        refuse_input(path, [split.dataset.path, *images], "--html")


def write_inspection_page(path: Path, info: DatasetInfo, splits: Sequence[LoadedSplit]) -> None:
    """Write the page.

    Args:
        path: the HTML file; replaced when it exists, see `check_page_target`.
        info: the facts.
        splits: the files that the facts are from, `train` first.

    Raises:
        UserError: the file cannot be written.
    """
    names = [category.name for category in real_categories(splits[0].dataset)]
    replayed = [_replay(split, names) for split in splits]
    samples = [_sample(one) for one in replayed]
    scale = short_sides(info.sizes)[-1]
    html = render_inspection(
        info,
        inspection_charts(join_samples(samples), scale),
        [_split_charts(sample, scale) for sample in samples] if len(samples) > 1 else (),
        _images(info.findings, replayed),
        next(filter(None, map(_gallery, replayed)), []),
    )
    # Names may hold half a surrogate pair, which no encoding can write.
    write_atomically(path, html.encode("utf-8", errors="replace"))


@dataclass(frozen=True)
class _Replayed:
    """A split, and what the loader makes of it."""

    split: LoadedSplit
    sizes: Floats
    """(M, 2) width and height in pixels, NaN where unknown."""
    loaded: LoadedRows
    names: Sequence[str]
    labels: Ints
    """(N,) class of each annotation, a number beyond `names` for none of them."""

    def path_of(self, row: int) -> Path | None:
        """Return the file of an image, None where nobody looked for it."""
        files, name = self.split.files, self.split.dataset.images[row].file_name
        if files.image_dir is None or not files.checked:
            return None
        return files.image_dir / relative_name(files.name_of(row, name))

    def marks(self, positions: Ints, color: Color | None = None, line: int = 3) -> list[Mark]:
        """Return the boxes of annotations, with their classes."""
        names = [*self.names, ""]
        return [
            Mark(
                self.loaded.boxes[at],
                color or class_color(self.labels[at]),
                names[self.labels[at]],
                line,
            )
            for at in positions.tolist()
        ]


def _replay(split: LoadedSplit, names: Sequence[str]) -> _Replayed:
    places = match_names([category.name for category in split.dataset.categories], names)
    classes = [row for row, place in enumerate(places) if place >= 0]
    sizes = split.sizes
    loaded = trained_rows(split.dataset, classes, sizes, training=split.name == TRAIN)
    rows = split.dataset.annotations.category_row
    labels = np.array([*places, -1], np.int64)[rows]
    return _Replayed(split, sizes, loaded, names, np.where(labels < 0, len(names), labels))


def _sample(replayed: _Replayed) -> BoxSample:
    kept = replayed.loaded.kept
    return BoxSample(
        boxes=replayed.loaded.boxes[kept],
        image_rows=replayed.split.dataset.annotations.image_row[kept],
        sizes=replayed.sizes,
    )


def _split_charts(sample: BoxSample, scale: int) -> SplitCharts:
    charts = inspection_charts(sample, scale)
    return SplitCharts(
        boxes_per_image=len(sample.boxes) / max(len(sample.sizes), 1),
        side_median=charts.side_median,
        small_share=charts.small_shares[-1],
    )


def _gallery(replayed: _Replayed) -> list[Image]:
    """Return images that span classes and sizes, then the smallest, largest, and most boxes."""
    annotations, kept = replayed.split.dataset.annotations, np.flatnonzero(replayed.loaded.kept)
    if not len(kept) or not replayed.split.files.checked:
        return []
    rows, area = annotations.image_row[kept], replayed.loaded.boxes[kept, 2:].prod(axis=1)
    shown = [
        _whole(replayed, row, "") for row in spanning_images(rows, replayed.labels[kept], area)
    ]
    for what, at in (("smallest box", area.argmin()), ("largest box", area.argmax())):
        position = int(kept[at])
        shown.append(_looked_at(replayed, int(rows[at]), position, what))
    shown.append(_whole(replayed, int(np.bincount(rows).argmax()), "most boxes"))
    return [image for image in shown if image is not None]


def _whole(replayed: _Replayed, row: int, note: str) -> Image | None:
    """Return an image with all that is labelled in it."""
    path = replayed.path_of(row)
    here = np.flatnonzero(replayed.split.dataset.annotations.image_row == row)
    source = thumbnail(path, replayed.marks(here)) if path else None
    name = replayed.split.dataset.images[row].file_name
    return Image(source, name, note or plural(len(here), "box", "boxes")) if source else None


def _images(findings: Sequence[Finding], splits: Sequence[_Replayed]) -> dict[int, list[Image]]:
    """Return images of examples, by finding: the first of each before the second of any."""
    images: dict[int, list[Image]] = {}
    for number, example in _candidates(findings):
        if sum(map(len, images.values())) >= MOST_IMAGES:
            break
        found = _example(example, _concerned(findings[number], splits), splits)
        if found:
            images.setdefault(number, []).extend(found)
    return images


def _candidates(findings: Sequence[Finding]) -> Iterator[tuple[int, Example]]:
    for place in range(max((len(f.examples) for f in findings), default=0)):
        for number, finding in enumerate(findings):
            series = SHOWN_INFO if finding.severity == "info" else SHOWN
            if finding.code[0] in series and place < len(finding.examples):
                yield number, finding.examples[place]


def _concerned(finding: Finding, splits: Sequence[_Replayed]) -> list[_Replayed]:
    named = [one for one in splits if one.split.name == finding.split]
    return named or list(splits)


def _example(
    example: Example, concerned: Sequence[_Replayed], splits: Sequence[_Replayed]
) -> list[Image]:
    """Return the image of an example, and the one that it is like."""
    for replayed in concerned:
        row, position = _place(example, replayed.split)
        image = None if row is None else _looked_at(replayed, row, position, _said(example))
        if image is not None:
            other = _LIKE.fullmatch(example.value or "")
            twin = Example("", file=other["file"]) if other else None
            named = [one for one in splits if other and one.split.name == other["split"]]
            return [image, *(_example(twin, named, splits) if twin else ())]
    return []


def _looked_at(replayed: _Replayed, row: int, position: int | None, note: str) -> Image | None:
    """Return an image with one box in red, closer where that is small."""
    path = replayed.path_of(row)
    here = np.flatnonzero(replayed.split.dataset.annotations.image_row == row)
    others = replayed.marks(here[here != position], GREY, 2)
    box = None if position is None else replayed.loaded.boxes[position]
    marked = [] if position is None else replayed.marks(np.array([position]), RED)
    source = thumbnail(path, [*others, *marked], box) if path else None
    return Image(source, replayed.split.dataset.images[row].file_name, note) if source else None


def _said(example: Example) -> str:
    number = "" if example.annotation_id is None else f"annotation {example.annotation_id}"
    value = example.value
    told = value is not None and value not in (example.file, str(example.annotation_id))
    return ", ".join(filter(None, (number, value if told else "")))


def _place(example: Example, split: LoadedSplit) -> tuple[int | None, int | None]:
    """Return the row of the example's image and of its annotation, None where there is none."""
    match = _PLACE.search(example.path)
    row, position = None, None
    if match and match[1] == "annotations":
        position = _position(split.dataset.annotations.index, int(match[2]))
        if position is not None:
            row = int(split.dataset.annotations.image_row[position])
    images = split.dataset.images
    if match and match[1] == "images":
        row = bisect_left(images, int(match[2]), key=lambda image: image.index)
    if row is not None and 0 <= row < len(images) and example.file in (None, images[row].file_name):
        return row, position
    # The path is of another split, or of no list: the file name is what is left.
    named = (r for r, image in enumerate(images) if image.file_name == example.file)
    return next(named, None), None


def _position(index: npt.NDArray[np.int64], wanted: int) -> int | None:
    """Return the row of the annotation with that JSON index."""
    position = int(np.searchsorted(index, wanted))
    return position if position < len(index) and index[position] == wanted else None
