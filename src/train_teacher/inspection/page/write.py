"""The inspection as an HTML page: plots, and images of the worst examples."""

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
from train_teacher.core.arrays import Floats
from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.protected_files import refuse_input
from train_teacher.images.files import image_paths
from train_teacher.images.names import relative_name
from train_teacher.images.thumbnails import thumbnail, with_boxes
from train_teacher.inspection.facts import DatasetInfo, Example, Finding
from train_teacher.inspection.load import TRAIN, LoadedSplit
from train_teacher.inspection.page.chart_numbers import (
    BoxSample,
    inspection_charts,
    join_samples,
    training_sides,
)
from train_teacher.inspection.page.gallery import SMALLEST, choose_images
from train_teacher.inspection.page.render import SplitCharts, render_inspection
from train_teacher.inspection.training_scale import Scale, training_scales
from train_teacher.pages.parts import Image
from train_teacher.prompts.caption import match_names, visible_name

MOST_IMAGES = 24
VISIBLE = {"error": "BFIMD", "warning": "BFIMD", "info": "BID"}
"""Series of codes of which an image shows something; ids and names (R, N) it does not."""
_LIKE = re.compile(r"like (?P<file>.+) of (?P<split>\w+)")
"""Place of the other one of two equal images."""
_PLACE = re.compile(r"\b(annotations|images)\[(\d+)\]")


def check_page_target(path: Path, splits: Sequence[LoadedSplit]) -> None:
    """Refuse a page that would replace one of its inputs.

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
    scale = training_scales(info.sizes)[-1]
    html = render_inspection(
        info,
        inspection_charts(join_samples(samples), scale),
        [_split_charts(sample, scale) for sample in samples] if len(samples) > 1 else (),
        _images(info.findings, replayed),
        _gallery(replayed[0], scale),
    )
    write_atomically(path, html)


@dataclass(frozen=True)
class _Replayed:
    """A split, and the loader's result for it."""

    split: LoadedSplit
    sizes: Floats
    """(M, 2) width and height in pixels, NaN where unknown."""
    loaded: LoadedRows


def _replay(split: LoadedSplit, names: Sequence[str]) -> _Replayed:
    places = match_names([category.name for category in split.dataset.categories], names)
    classes = [row for row, place in enumerate(places) if place >= 0]
    sizes = split.sizes
    loaded = trained_rows(split.dataset, classes, sizes, training=split.name == TRAIN)
    return _Replayed(split, sizes, loaded)


def _sample(replayed: _Replayed) -> BoxSample:
    kept = replayed.loaded.kept
    return BoxSample(
        boxes=replayed.loaded.boxes[kept],
        image_rows=replayed.split.dataset.annotations.image_row[kept],
        sizes=replayed.sizes,
    )


def _split_charts(sample: BoxSample, scale: Scale) -> SplitCharts:
    charts = inspection_charts(sample, scale)
    return SplitCharts(
        boxes_per_image=len(sample.boxes) / max(len(sample.sizes), 1),
        side_median=charts.side_median,
        small_share=charts.small_shares[-1],
    )


def _gallery(replayed: _Replayed, scale: Scale) -> list[Image]:
    """Return a few images of the training file with their labels."""
    split, kept = replayed.split, np.flatnonzero(replayed.loaded.kept)
    columns, dataset, boxes = split.dataset.annotations, split.dataset, replayed.loaded.boxes
    if split.files.image_dir is None or not split.files.checked:
        return []
    images = []
    sides = training_sides(_sample(replayed), scale)
    rows, labels = columns.image_row[kept], columns.category_row[kept]
    for row, position, why in choose_images(rows, labels, sides):
        path = _file_of(split, row)
        here = kept[rows == row]
        if why == SMALLEST and position is not None:
            source = thumbnail(path, boxes[kept[position]], boxes[here])
        else:
            classes = columns.category_row[here].tolist()
            names = [visible_name(dataset.categories[label].name) for label in classes]
            source = with_boxes(path, boxes[here], names)
        side = "" if position is None else f", {sides[position]:.0f} pixels at training scale"
        if source is not None:
            images.append(Image(source, dataset.images[row].file_name, why and why + side))
    return images


def _file_of(split: LoadedSplit, row: int) -> Path:
    name = split.files.name_of(row, split.dataset.images[row].file_name)
    return (split.files.image_dir or Path()) / relative_name(name)


def _images(findings: Sequence[Finding], splits: Sequence[_Replayed]) -> dict[int, list[Image]]:
    """Return images of examples, by finding: the first of each before the second of any."""
    images: dict[int, list[Image]] = {}
    for number, example in _candidates(findings):
        if sum(map(len, images.values())) >= MOST_IMAGES:
            break
        image = _image(example, _concerned(findings[number], splits))
        shown = [image, _twin(example, splits)] if image else []
        images.setdefault(number, []).extend(filter(None, shown))
    return images


def _candidates(findings: Sequence[Finding]) -> Iterator[tuple[int, Example]]:
    for place in range(max((len(f.examples) for f in findings), default=0)):
        for number, finding in enumerate(findings):
            visible = finding.code[:1] in VISIBLE[finding.severity]
            if visible and place < len(finding.examples):
                yield number, finding.examples[place]


def _twin(example: Example, splits: Sequence[_Replayed]) -> Image | None:
    """Return the image that an example's image equals, None where there is none."""
    like = _LIKE.fullmatch(example.value or "")
    named = [one for one in splits if like and one.split.name == like["split"]]
    return _image(Example("", file=like["file"]), named) if like else None


def _concerned(finding: Finding, splits: Sequence[_Replayed]) -> list[_Replayed]:
    named = [one for one in splits if one.split.name == finding.split]
    return named or list(splits)


def _image(example: Example, splits: Sequence[_Replayed]) -> Image | None:
    for replayed in splits:
        split = replayed.split
        row, position = _place(example, split)
        if row is None or split.files.image_dir is None or not split.files.checked:
            continue
        source = thumbnail(_file_of(split, row), *_boxes(replayed, row, position))
        if source is not None:
            return Image(source, _caption(split.dataset.images[row].file_name, example))
    return None


def _caption(file_name: str, example: Example) -> str:
    parts = [file_name]
    if example.annotation_id is not None:
        parts.append(f"annotation {example.annotation_id}")
    if example.value is not None and example.value not in (file_name, str(example.annotation_id)):
        parts.append(example.value)
    return ", ".join(parts)


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


def _boxes(replayed: _Replayed, row: int, position: int | None) -> tuple[Floats | None, Floats]:
    """Return the box concerned, and the others of its image."""
    boxes = replayed.loaded.boxes
    here = replayed.split.dataset.annotations.image_row == row
    if position is None:
        return None, boxes[here]
    here[position] = False
    return boxes[position], boxes[here]
