"""Labels in other formats than COCO, each with the files its tool needs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import yaml

from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.errors import UserError
from train_teacher.images.drawings import class_color
from train_teacher.prediction.prediction_file import PredictedImage, separated

VALIDATED_EACH = 10
"""One image of so many is for `val`; with fewer images `val` is `train`."""
DATA_YAML = """\
# Ultralytics: yolo detect train data={place}
# All labels, also those of val, are {teacher}'s: only images labeled by a
# person labeled. Paths are relative to this file.
"""


@dataclass(frozen=True)
class Labelled:
    """Images with a teacher's labels."""

    images: Callable[[], Iterable[PredictedImage]]
    """Reads them again at each call."""
    count: int
    root: Path
    """Absolute; the names of the images are relative to it."""
    names: Sequence[str]
    """Of the classes."""
    teacher: str

    def readable(self) -> Iterator[tuple[int, PredictedImage]]:
        """Yield the readable images, with their numbers from 0."""
        return (
            (number, image) for number, image in enumerate(self.images()) if not image.unreadable
        )


def write_yolo(labelled: Labelled, target: Path, *, copy: bool = False) -> None:
    """Write a folder for training with Ultralytics: data.yaml, labels, and links to the images.

    Args:
        labelled: images and labels.
        target: the folder.
        copy: copy the images instead, so that the folder can be moved.

    Raises:
        UserError: the system refuses.
    """
    tenth = labelled.count // VALIDATED_EACH
    taken: set[PurePosixPath] = set()
    try:
        for number, image in labelled.readable():
            part = "val" if number >= labelled.count - tenth else "train"
            name = _yolo_name(part, image.name, taken)
            label, place = target / "labels" / name.with_suffix(".txt"), target / "images" / name
            for path in (label, place):
                path.parent.mkdir(parents=True, exist_ok=True)
            label.write_text("".join(_yolo_lines(image)), encoding="utf-8")
            (shutil.copyfile if copy else os.symlink)(labelled.root / image.name, place)
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror}.") from error
    content = {
        "train": "images/train",
        "val": "images/val" if tenth else "images/train",
        "names": dict(enumerate(labelled.names)),
    }
    told = DATA_YAML.format(place=target / "data.yaml", teacher=labelled.teacher)
    text = told + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    write_atomically(target / "data.yaml", text)


def _yolo_name(part: str, name: str, taken: set[PurePosixPath]) -> PurePosixPath:
    """Return a path for an image under which Ultralytics finds its own labels.

    It replaces the last `images` of a path by `labels` and the ending by `.txt`.
    """
    folders = ("images_" if folder == "images" else folder for folder in PurePosixPath(name).parts)
    path = PurePosixPath(part, *folders)
    while path.with_suffix("") in taken:
        path = path.with_name(f"{path.stem}_{path.suffix[1:]}{path.suffix}")
    taken.add(path.with_suffix(""))
    return path


def _yolo_lines(image: PredictedImage) -> Iterator[str]:
    """Yield `class centre_x centre_y width height` of each box, as shares of the image."""
    for label, (x, y, width, height) in zip(image.labels, image.boxes, strict=True):
        left, right = (min(max(edge / image.width, 0), 1) for edge in (x, x + width))
        top, bottom = (min(max(edge / image.height, 0), 1) for edge in (y, y + height))
        values = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
        yield f"{label} {' '.join(f'{value:.6f}' for value in values)}\n"


def label_studio_config(tasks: Path) -> Path:
    """Return the path of the labeling config of a file of tasks."""
    return tasks.with_suffix(".xml")


def write_label_studio(labelled: Labelled, target: Path) -> None:
    """Write tasks with predictions, and beside them the labeling config they need.

    Their images are served by Label Studio's local storage, whose document root is the folder
    above that of the images.

    Raises:
        UserError: the system refuses.
    """
    tasks = separated(_task(labelled, image) for _, image in labelled.readable())
    write_atomically(target, (part for parts in ((b"[",), tasks, (b"\n]\n",)) for part in parts))
    labels = "".join(
        f"    <Label value={quoteattr(name)} background={_hexadecimal(class_color(number))}/>\n"
        for number, name in enumerate(labelled.names)
    )
    write_atomically(
        label_studio_config(target),
        '<View>\n  <Image name="image" value="$image" zoom="true"/>\n'
        f'  <RectangleLabels name="label" toName="image">\n{labels}  </RectangleLabels>\n</View>\n',
    )


def _hexadecimal(color: tuple[int, int, int]) -> str:
    return f'"#{bytes(color).hex()}"'


def _task(labelled: Labelled, image: PredictedImage) -> dict[str, Any]:
    size = {"original_width": image.width, "original_height": image.height, "image_rotation": 0}
    result = [
        {
            "id": f"box{number}",
            "type": "rectanglelabels",
            "from_name": "label",
            "to_name": "image",
            **size,
            "value": {
                "x": 100 * x / image.width,
                "y": 100 * y / image.height,
                "width": 100 * width / image.width,
                "height": 100 * height / image.height,
                "rotation": 0,
                "rectanglelabels": [labelled.names[label]],
            },
            "score": score,
        }
        for number, (label, score, (x, y, width, height)) in enumerate(
            zip(image.labels, image.scores, image.boxes, strict=True), 1
        )
    ]
    place = quote((PurePosixPath(labelled.root.name) / image.name).as_posix())
    # The least sure box stands for the image: tasks can be ordered by it.
    least = min(image.scores, default=1.0)
    prediction = {"model_version": labelled.teacher, "score": least, "result": result}
    return {"data": {"image": f"/data/local-files/?d={place}"}, "predictions": [prediction]}


def label_studio_start(root: Path, tasks: Path) -> str:
    """Return the line that says how to open the tasks."""
    return (
        "Label Studio: start it with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and "
        f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={root.parent}, paste {label_studio_config(tasks)} "
        f"as the labeling config, add {root} as local storage (without syncing it) and import "
        f"{tasks}"
    )
