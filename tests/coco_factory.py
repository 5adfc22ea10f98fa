"""Small COCO data sets with real images, for tests."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from train_teacher.images.names import FolderListings

WIDTH, HEIGHT = 64, 48
Record = Mapping[str, Any]


def image(id_: Any, file_name: str | None = None, **changes: Any) -> dict[str, Any]:
    """Return a valid image record, with members replaced by `changes`."""
    name = f"{id_}.jpg" if file_name is None else file_name
    return {"id": id_, "file_name": name, "width": WIDTH, "height": HEIGHT, **changes}


def annotation(id_: Any, image_id: Any = 1, category_id: Any = 1, **changes: Any) -> dict[str, Any]:
    """Return a valid annotation, with members replaced by `changes`; ... removes a member."""
    record = {
        "id": id_,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": [4, 5, 20, 10],
        "area": 200,
        "iscrowd": 0,
        **changes,
    }
    return {key: value for key, value in record.items() if value is not ...}


def category(id_: Any, name: Any, **changes: Any) -> dict[str, Any]:
    """Return a category record."""
    return {"id": id_, "name": name, **changes}


def clean_annotations(image_ids: Sequence[Any] = range(1, 13), first_id: int = 1) -> list[Record]:
    """Return two boxes an image, one of each class, in which nothing is wrong."""
    return [
        annotation(
            first_id + 2 * n + k,
            image_id,
            k + 1,
            bbox=[4 + 9 * k, 5 + n % 5, 20, 10 + k + n % 3],
            area=20 * (10 + k + n % 3),
        )
        for n, image_id in enumerate(image_ids)
        for k in range(2)
    ]


def coco(
    images: Sequence[Record] | None = None,
    annotations: Sequence[Record] | None = None,
    categories: Sequence[Record] | None = None,
    **others: Any,
) -> dict[str, Any]:
    """Return a COCO object: by default 12 images with 2 boxes each, of `cat` and `red car`."""
    images = [image(i) for i in range(1, 13)] if images is None else images
    if annotations is None:
        annotations = clean_annotations([record["id"] for record in images])
    if categories is None:
        categories = [category(1, "cat"), category(2, "red car")]
    return {
        "images": list(images),
        "annotations": list(annotations),
        "categories": list(categories),
        **others,
    }


def make_coco(
    folder: Path,
    *,
    images: Sequence[Record] | None = None,
    annotations: Sequence[Record] | None = None,
    categories: Sequence[Record] | None = None,
    name: str = "data.json",
    image_folder: str = "",
    write_images: bool = True,
    **others: Any,
) -> Path:
    """Write a COCO JSON and tiny JPEGs beside it; return the JSON's path.

    Args:
        folder: made when missing.
        images: image records.
        annotations: annotation records.
        categories: category records.
        name: file name of the JSON.
        image_folder: sub-folder for the images.
        write_images: False writes the JSON only.
        others: further top-level members, such as `info`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = coco(images, annotations, categories, **others)
    path = folder / name
    path.write_text(json.dumps(content), encoding="utf-8")
    if write_images:
        for record in content["images"]:
            write_image(
                folder / image_folder / str(record["file_name"]),
                record.get("width") or WIDTH,
                record.get("height") or HEIGHT,
            )
    return path


def write_image(path: Path, width: int = WIDTH, height: int = HEIGHT) -> None:
    """Write a JPEG of that many pixels, of one color that depends on folder and name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    red, green, blue, _ = zlib.crc32(f"{path.parent.name}/{path.name}".encode()).to_bytes(4, "big")
    Image.new("RGB", (int(width), int(height)), (red, green, blue)).save(path, quality=95)


def folder_with(root: Path, *names: str) -> FolderListings:
    """Return the listings of a folder in which there are files of these names."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return FolderListings(root)
