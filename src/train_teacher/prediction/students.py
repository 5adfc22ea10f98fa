"""A data set for a student, in one folder that Ultralytics, RF-DETR and Lightly read alike."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from unicodedata import normalize

import msgspec
import yaml

from train_teacher.coco.split_files import ROBOFLOW_FILE
from train_teacher.console.follow_up import command_line
from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.errors import UserError
from train_teacher.images.headers import read_headers

FOLDERS = {"train": "train", "val": "valid", "test": "test"}
"""Of each part; in it are `images`, YOLO's `labels`, and a COCO JSON with the same boxes."""
VALIDATED_EACH = 10
"""Without images for validation, one in so many is taken, and at least one."""
READ_BY_ALL = frozenset(".jpg .jpeg .png .bmp .tif .tiff .webp".split())
"""Endings; an image with another one is written as PNG."""


class StudentImage(NamedTuple):
    """An image that a student learns from or is judged by."""

    part: str
    path: Path
    name: str
    """With forward slashes."""
    width: int
    height: int
    annotations: Sequence[Mapping[str, Any]]
    """As in COCO; the first category is 1."""


def images_of(content: Mapping[str, Any], part: str, folder: Path) -> Iterator[StudentImage]:
    """Yield the images of a COCO object whose first category is 1."""
    annotations = defaultdict(list)
    for annotation in content["annotations"]:
        annotations[annotation["image_id"]].append(annotation)
    for image in content["images"]:
        name, size = image["file_name"], (image["width"], image["height"])
        yield StudentImage(part, folder / name, name, *size, annotations[image["id"]])


@dataclass(frozen=True)
class StudentFolder:
    """The place of a student's data."""

    root: Path
    names: Sequence[str]
    """Of the classes."""
    made_by: str
    turned: bool
    """True if boxes are of photos as EXIF turns them."""
    copy: bool
    """Copy the images instead of linking them, so that the folder can be moved."""

    def write(self, images: Sequence[StudentImage]) -> str:
        """Write images and labels, and return how many images each part has.

        Raises:
            UserError: no box is to be trained on, or the system refuses.
        """
        images = _with_validation(images)
        if not any(image.annotations for image in images if image.part == "train"):
            raise UserError(
                f"{self.root}: no image for training has a box, so a student would learn to find "
                "nothing. Give a lower --score-threshold, or other images."
            )
        parts: dict[str, list[StudentImage]] = defaultdict(list)
        orientations = read_headers([str(image.path) for image in images]).orientation.tolist()
        taken: set[str] = set()
        try:
            for image, orientation in zip(images, orientations, strict=True):
                placed = self._place(image, _free_name(image, taken), exif=orientation > 1)
                parts[image.part].append(placed)
        except OSError as error:
            raise UserError(f"{self.root}: cannot be written: {error.strerror}.") from error
        for part, own in parts.items():
            write_atomically(self.root / FOLDERS[part] / ROBOFLOW_FILE, self._coco(own))
        yolo: dict[str, Any] = {part: f"{FOLDERS[part]}/images" for part in parts}
        yolo["names"] = dict(enumerate(self.names))
        text = yaml.safe_dump(yolo, sort_keys=False, allow_unicode=True)
        write_atomically(self.root / "data.yaml", f"# {self.made_by}\n{text}")
        return ", ".join(f"{len(own):,} {part}" for part, own in parts.items())

    def _place(self, image: StudentImage, name: PurePosixPath, *, exif: bool) -> StudentImage:
        """Put an image and its labels into the folder, and return it as it is there."""
        folder = self.root / FOLDERS[image.part]
        place, label = folder / "images" / name, (folder / "labels" / name).with_suffix(".txt")
        for path in (place, label):
            path.parent.mkdir(parents=True, exist_ok=True)
        if exif or name.suffix.lower() != PurePosixPath(image.name).suffix.lower():
            size = _write_pixels(image.path, place, turned=self.turned)
            image = image._replace(width=size[0], height=size[1])
        else:
            try:
                (shutil.copyfile if self.copy else os.symlink)(image.path, place)
            except OSError:  # a file system without links
                shutil.copyfile(image.path, place)
        label.write_text("".join(_yolo_lines(image)), encoding="utf-8")
        return image._replace(name=f"images/{name}")

    def _coco(self, images: Sequence[StudentImage]) -> bytes:
        pairs = [(n, one) for n, image in enumerate(images, 1) for one in image.annotations]
        content = {
            "info": {"description": self.made_by},
            "images": [
                {"id": n, "file_name": image.name, "width": image.width, "height": image.height}
                for n, image in enumerate(images, 1)
            ],
            "annotations": [
                {**one, "id": id_, "image_id": n} for id_, (n, one) in enumerate(pairs, 1)
            ],
            "categories": [{"id": n, "name": name} for n, name in enumerate(self.names, 1)],
        }
        return msgspec.json.encode(content)


def student_start(student: str, root: Path) -> str:
    """Return what starts the training of a student: a command, or lines of Python."""
    files = {part: {"annotations": str(root / FOLDERS[part] / ROBOFLOW_FILE)} for part in FOLDERS}
    lightly = {"format": "coco", "train": files["train"], "val": files["val"]}
    yolo = f"data={root / 'data.yaml'}"
    return {
        "ultralytics": command_line("yolo detect train", yolo, "model=yolo11n.pt"),
        "rfdetr": "from rfdetr import RFDETRMedium\n"
        f'RFDETRMedium().train(dataset_dir={str(root)!r}, output_dir="student")',
        "lightly": "import lightly_train\nlightly_train.train_object_detection("
        f'out="student", model="dinov3/vitt16-ltdetr-coco", data={lightly})',
        "coco": command_line("inspect-data", root),
    }[student]


def _with_validation(images: Sequence[StudentImage]) -> list[StudentImage]:
    train = [row for row, image in enumerate(images) if image.part == "train"]
    chosen = list(images)
    if all(image.part != "val" for image in images):
        for row in train[-max(1, len(train) // VALIDATED_EACH) :]:
            chosen[row] = images[row]._replace(part="val")
    return chosen


def _free_name(image: StudentImage, taken: set[str]) -> PurePosixPath:
    """Return a name that no other image has, whatever its ending: both would have one label.

    Ultralytics looks for labels where it replaces the last `images` of a path.
    """
    parts = PurePosixPath(image.name).parts
    name = PurePosixPath(*("images_" if part == "images" else part for part in parts))
    if name.suffix.lower() not in READ_BY_ALL:
        name = name.with_suffix(".png")
    # macOS takes two spellings of an accent for one name, and would write through a link.
    while (key := normalize("NFC", str(name.with_suffix(""))).lower()) in taken:
        name = name.with_stem(f"{name.stem}_")
    taken.add(key)
    return name


def _write_pixels(source: Path, place: Path, *, turned: bool) -> tuple[int, int]:
    """Write the pixels that the teacher saw, and return width and height.

    There is no EXIF any more: some tools turn a photo as it says, others do not.
    """
    import cv2

    flags = cv2.IMREAD_COLOR | (0 if turned else cv2.IMREAD_IGNORE_ORIENTATION)
    pixels = cv2.imread(str(source), flags)
    if pixels is None or not cv2.imwrite(str(place), pixels):
        raise UserError(f"{source}: cannot be read, or {place} not be written.")
    return pixels.shape[1], pixels.shape[0]


def _yolo_lines(image: StudentImage) -> Iterator[str]:
    """Yield `class centre_x centre_y width height` of each box, as shares of the image."""
    for annotation in image.annotations:
        x, y, width, height = annotation["bbox"]
        left, right = (min(max(edge / image.width, 0), 1) for edge in (x, x + width))
        top, bottom = (min(max(edge / image.height, 0), 1) for edge in (y, y + height))
        values = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
        if not annotation.get("iscrowd"):
            shares = " ".join(f"{value:.6f}" for value in values)
            yield f"{annotation['category_id'] - 1} {shares}\n"
