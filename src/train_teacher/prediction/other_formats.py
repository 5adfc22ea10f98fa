"""The labels as labeling tools open them, each with what its tool needs to do so at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, indent, tostring
from xml.sax.saxutils import quoteattr

import msgspec

from train_teacher.core.atomic_file import write_atomically
from train_teacher.images.drawings import class_color
from train_teacher.prediction.prediction_file import PredictedImage, separated


@dataclass(frozen=True)
class Labelled:
    """Images with a teacher's labels."""

    images: Sequence[PredictedImage]
    root: Path
    """Absolute; the names of the images are relative to it."""
    names: Sequence[str]
    """Of the classes."""
    teacher: str
    turned: bool
    """True when boxes are of photos as EXIF turns them."""


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
    tasks = separated(_task(labelled, image) for image in labelled.images if not image.unreadable)
    write_atomically(target, chain((b"[",), tasks, (b"\n]\n",)))
    labels = "".join(
        f'    <Label value={quoteattr(name)} background="#{bytes(class_color(number)).hex()}"/>\n'
        for number, name in enumerate(labelled.names)
    )
    write_atomically(
        label_studio_config(target),
        '<View>\n  <Image name="image" value="$image" zoom="true"/>\n'
        f'  <RectangleLabels name="label" toName="image">\n{labels}  </RectangleLabels>\n</View>\n',
    )


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


def cvat_labels(target: Path) -> Path:
    """Return where the labels that a task of CVAT needs lie, beside its annotations."""
    return target.with_suffix(".labels.json")


def write_cvat(labelled: Labelled, target: Path) -> None:
    """Write annotations as "CVAT for images 1.1", and beside them the labels of a task.

    Source: CVAT's documentation, XML annotation format, version 1.1.

    Raises:
        UserError: the system refuses.
    """
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    labels = SubElement(SubElement(SubElement(root, "meta"), "task"), "labels")
    for name in labelled.names:
        SubElement(SubElement(labels, "label"), "name").text = name
    for number, image in enumerate(labelled.images):
        if image.unreadable:
            continue
        of_image = {"id": number, "name": image.name, "width": image.width, "height": image.height}
        element = SubElement(root, "image", {key: str(value) for key, value in of_image.items()})
        for label, (x, y, width, height) in zip(image.labels, image.boxes, strict=True):
            corners = {"xtl": x, "ytl": y, "xbr": x + width, "ybr": y + height}
            box = {name: f"{value:.2f}" for name, value in corners.items()}
            box |= {"label": labelled.names[label], "source": "auto", "occluded": "0"}
            SubElement(element, "box", box, z_order="0")
    indent(root)
    write_atomically(target, tostring(root, "utf-8", xml_declaration=True) + b"\n")
    raw = [{"name": name, "type": "rectangle", "attributes": []} for name in labelled.names]
    write_atomically(cvat_labels(target), msgspec.json.format(msgspec.json.encode(raw)) + b"\n")


def cvat_start(root: Path, target: Path) -> str:
    """Return how to open the annotations, in a line."""
    return (
        f"CVAT: make a task of the images in {root}, paste {cvat_labels(target)} as its raw "
        f"labels, and upload {target} as annotations, format CVAT 1.1"
    )
