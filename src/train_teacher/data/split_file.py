"""Split of one annotation file: groups are found, the rest is balanced, and both are reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from train_teacher.coco.image_members import read_image_fields
from train_teacher.core.arrays import Ints
from train_teacher.core.words import plural
from train_teacher.images.decoding import look_at_images
from train_teacher.images.facts import SOUND
from train_teacher.inspection.load import LoadedSplit
from train_teacher.splits.group_rules import GroupRule, first_field
from train_teacher.splits.groups import (
    FRAME_FIELDS,
    VIDEO_FIELDS,
    Grouping,
    ImageClues,
    group_images,
)
from train_teacher.splits.report import SplitReport, report_split
from train_teacher.splits.split import LabelledImages, split_images
from train_teacher.splits.video_blocks import cut, groups_to_cut, tell_of_cut
from train_teacher.splits.video_frames import natural_key

MOST_DECODED = 4_000
MOST_PIXELS = 6_000_000_000
"""Images and pixels that are decoded to find near duplicates: a minute of two slow cores
(4 ms for 640 x 480, measured)."""


@dataclass(frozen=True)
class BoxLabels:
    """The N boxes that training learns from."""

    image_rows: Ints
    """(N,) rows of `CocoDataset.images`."""
    classes: Ints
    """(N,) positions in `class_names`."""
    class_names: Sequence[str]


def split_data(
    source: LoadedSplit,
    boxes: BoxLabels,
    shares: Mapping[str, float],
    *,
    rule: GroupRule,
    seed: int,
) -> tuple[dict[str, Ints], SplitReport]:
    """Split the images of one file.

    Args:
        source: the file, with what is known of its images.
        boxes: what is learned from it.
        shares: wanted share of each split, the training split first.
        rule: which images stay together.
        seed: decides between equals.

    Returns:
        The sorted rows of the images by split, and the account of it.

    Raises:
        UsageError: the rule finds nothing in these images.
    """
    total = sum(shares.values())
    wanted = {name: share / total for name, share in shares.items()}
    clues = _clues(source, rule)
    grouping = group_images(clues, rule)
    if rule.kind == "auto":
        grouping = _with_large_groups_cut(grouping, clues, boxes, list(wanted.values()))
        grouping = _with_note_on_looks(grouping, source, clues)
    data = LabelledImages(
        file_names=clues.file_names,
        groups=grouping.groups,
        image_rows=boxes.image_rows,
        classes=boxes.classes,
        class_names=boxes.class_names,
    )
    rows = split_images(data, wanted, seed)
    return rows, report_split(data, rows, wanted, grouping, group_by=rule.text, seed=seed)


def _clues(source: LoadedSplit, rule: GroupRule) -> ImageClues:
    dataset, files = source.dataset, source.files
    wanted = {"auto": (*VIDEO_FIELDS, *FRAME_FIELDS), "field": (rule.value,)}.get(rule.kind, ())
    fields = read_image_fields(dataset, wanted) if wanted else None
    if rule.kind == "auto" and files.decoded is None:
        files = look_at_images(dataset, files, most=_most_decoded(source))
    names = [image.file_name for image in dataset.images]
    return ImageClues(
        file_names=names,
        paths=[files.name_of(row, name) for row, name in enumerate(names)],
        sizes=source.sizes,
        contents=files.contents,
        decoded=files.decoded,
        fields=fields.values if fields else {},
        known_fields=fields.known if fields else (),
    )


def _with_large_groups_cut(
    grouping: Grouping, clues: ImageClues, boxes: BoxLabels, shares: Sequence[float]
) -> Grouping:
    numbers = groups_to_cut(
        grouping.groups, grouping.copies, boxes.image_rows, boxes.classes, shares
    )
    if not len(numbers):
        return grouping
    frames = clues.fields.get(first_field(clues.fields, FRAME_FIELDS) or "", ())

    def order(row: int) -> tuple[float, list[tuple[int, int, str]]]:
        frame = frames[row] if frames else None
        number = frame if isinstance(frame, (int, float)) else 0.0
        return number, natural_key(clues.file_names[row])

    groups, blocks = cut(grouping.groups, grouping.copies, numbers, shares, order)
    told = tell_of_cut(grouping.groups, numbers, blocks, clues.file_names)
    return replace(grouping, groups=groups, notes=(*grouping.notes, told))


def _most_decoded(source: LoadedSplit) -> int:
    facts = source.files.facts
    too_large = facts is not None and int(facts.size.prod(axis=1).sum()) > MOST_PIXELS
    return 0 if too_large else MOST_DECODED


def _with_note_on_looks(grouping: Grouping, source: LoadedSplit, clues: ImageClues) -> Grouping:
    facts, decoded = source.files.facts, clues.decoded
    if facts is None:
        return grouping
    sound = facts.exists & (facts.damage == SOUND)
    unseen = int((sound if decoded is None else sound & ~decoded.looked).sum())
    if not unseen:
        return grouping
    note = (
        f"{plural(unseen, 'image')} were not looked at for near duplicates (that is done for up to "
        f"{MOST_DECODED:,} images of {MOST_PIXELS / 1e9:g} gigapixels): after inspect-data --deep, "
        "which looks at all, they are kept together too"
    )
    return replace(grouping, notes=(*grouping.notes, note))
