"""D11: objects that were probably never labeled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from train_teacher.core.arrays import Ints
from train_teacher.core.words import listed, plural
from train_teacher.inspection.facts import Example, Finding
from train_teacher.inspection.finding import finding_about, images_at
from train_teacher.inspection.inspected import Inspected
from train_teacher.splits.video_frames import frames_of_videos

MIN_IMAGES = 20
"""Labeled images of a folder from which its classes are taken for a habit, not a coincidence."""
MIN_CLASSES = 2
MIN_FRAMES = 8
"""Images of a video that show how steady the number of its boxes is."""
FEW, SEVERAL = 1, 4
"""Boxes of a class in a frame that stands out, and in those right before and after it."""
STEADY = 0.25
"""Mean change from frame to frame, as a share of the mean number of boxes, that is steady."""
FAR_APART = 30
"""Frames between two images of a video, from which objects may have come and gone."""


def check_partial_labelling(data: Inspected) -> list[Finding]:
    """Return D11: folders of images in which other classes were labeled, and none in common."""
    dataset, names, kept = data.train.dataset, data.names, data.kept[0]
    if len(names) < MIN_CLASSES:
        return []
    folders = [image.file_name.replace("\\", "/").rpartition("/")[0] for image in dataset.images]
    if len(set(folders)) == 1:
        return []
    seen: dict[str, set[int]] = {}
    labelled: dict[str, list[int]] = {}
    for row, label in zip(kept.image_rows.tolist(), kept.labels.tolist(), strict=True):
        seen.setdefault(folders[row], set()).add(label)
        labelled.setdefault(folders[row], []).append(row)
    large = [
        folder
        for folder, rows in labelled.items()
        if len(set(rows)) >= MIN_IMAGES
        # One object an image, and its class the name of the folder: nothing speaks for others.
        and (len(set(rows)) < len(rows) or {names[i] for i in seen[folder]} != {Path(folder).name})
    ]
    pairs = [
        (one, other)
        for number, one in enumerate(large)
        for other in large[number + 1 :]
        if not seen[one] & seen[other]
    ]
    if not pairs:
        return []
    one, other = pairs[0]
    told = [
        f"{folder or '.'}: {listed(names[i] for i in sorted(seen[folder]))}"
        for folder in (one, other)
    ]
    return [
        Finding(
            code="D11",
            severity="warning",
            count=len(pairs),
            message=f"no class is labeled in both of two folders ({'; '.join(told)})",
            consequence="Each was probably labeled for its own classes only: objects of the "
            "others are learned as background, which harms more than noise.",
            fix="Label all classes in all images, or train the folders separately.",
            examples=tuple(Example(path="", file=f"{folder}/") for folder in (one, other)),
        )
    ]


def check_skipped_frames(data: Inspected) -> list[Finding]:
    """Return D11: frames with hardly a box of a class that their neighbors have several of."""
    dataset, names, kept = data.train.dataset, data.names, data.kept[0]
    found: dict[int, str] = {}
    videos = frames_of_videos([image.file_name for image in dataset.images])
    for frames in videos.values():
        if len(frames) >= MIN_FRAMES:
            number, row = np.array(frames, np.int64).T
            seen, counts = _counts(row, kept.labels, kept.image_rows)
            found.update(_skipped(number, row, counts, [names[label] for label in seen]))
    rows = sorted(found)
    return finding_about(
        images_at(dataset, rows, values=[found[row] for row in rows]),
        code="D11",
        severity="warning",
        message=f"{plural(len(rows), 'frame')} of videos with hardly a box where the frames right "
        "before and after have several",
        consequence="Probably skipped in labeling: the objects in them are learned as background.",
        fix="Check them and label what is missing.",
    )


def _counts(rows: Ints, labels: Ints, image_rows: Ints) -> tuple[list[int], Ints]:
    """Return the classes that F images have, C of them, and (F, C) how many boxes of each."""
    place = np.full(max(int(rows.max()), int(image_rows.max(initial=0))) + 1, -1, np.int64)
    place[rows] = np.arange(len(rows))
    inside = place[image_rows] >= 0
    frames, own = place[image_rows[inside]], labels[inside]
    seen = np.flatnonzero(np.bincount(own))
    number = np.searchsorted(seen, own)
    counts = np.bincount(frames * len(seen) + number, minlength=len(rows) * len(seen))
    return seen.tolist(), counts.reshape(len(rows), len(seen))


def _skipped(number: Ints, row: Ints, counts: Ints, names: Sequence[str]) -> dict[int, str]:
    """Return what stands out in frames of one video, by the row of the image."""
    near = np.diff(number) <= min(int(np.sort(np.diff(number))[len(number) // 2 - 1]), FAR_APART)
    before, here, after = counts[:-2], counts[1:-1], counts[2:]
    low = (here <= FEW) & (np.minimum(before, after) >= SEVERAL) & (near[:-1] & near[1:])[:, None]
    told = {}
    for frame, label in np.argwhere(low).tolist():
        rest = np.delete(counts[:, label], frame + 1)
        if np.abs(np.diff(rest)).mean() <= STEADY * rest.mean():
            told[int(row[frame + 1])] = (
                f"{here[frame, label]} of {names[label]}, {before[frame, label]} before and "
                f"{after[frame, label]} after"
            )
    return told


CHECKS = (check_partial_labelling, check_skipped_frames)
