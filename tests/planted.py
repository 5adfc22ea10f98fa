"""A clean COCO data set with images, and one way to spoil it for every code of inspect-data."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from planted_images import cut, really_png, sixteen_bit, turned

Content = dict[str, Any]
Plant = Callable[[Content, Path], None]
CLASSES = ("traffic light", "dog", "bus", "umbrella")
WIDTH, HEIGHT, IMAGES = 320, 240, 40
CELL = 80


def clean_content(seed: int = 0) -> Content:
    """Return 40 images with four boxes each, one of every class, in which nothing is wrong."""
    chance = random.Random(seed)
    images, annotations = [], []
    for number in range(1, IMAGES + 1):
        name = f"{zlib.crc32(f'{seed}-{number}'.encode()):08x}"
        images.append({"id": number, "file_name": f"p{name}.jpg", "width": WIDTH, "height": HEIGHT})
        cells = chance.sample([(x, y) for x in range(4) for y in range(3)], len(CLASSES))
        for category, (x, y) in enumerate(cells, 1):
            w, h = chance.randint(30, 70), chance.randint(30, 70)
            left, top = x * CELL + chance.randint(0, 5), y * CELL + chance.randint(0, 5)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": category,
                    "bbox": [left, top, w, h],
                    "area": w * h,
                    "iscrowd": 0,
                }
            )
    categories = [{"id": i, "name": name} for i, name in enumerate(CLASSES, 1)]
    return {"images": images, "annotations": annotations, "categories": categories}


def write_images(content: Content, folder: Path) -> None:
    """Write one JPEG of soft noise for every image."""
    for image in content["images"]:
        noise = np.random.default_rng(zlib.crc32(image["file_name"].encode()))
        small = noise.integers(0, 255, (8, 10, 3), dtype=np.uint8)
        photo = Image.fromarray(small).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        photo.save(folder / image["file_name"], quality=85)


def spoil(folder: Path, *plants: Plant, seed: int = 0, name: str = "data.json") -> Path:
    """Write the clean set with some defects planted, and return its JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    content = clean_content(seed)
    write_images(content, folder)
    for plant in plants:
        plant(content, folder)
    path = folder / name
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def change(index: int, section: str = "annotations", **members: Any) -> Plant:
    """Return a plant that sets members of one record; `...` removes the member."""

    def plant(content: Content, _folder: Path) -> None:
        record = content[section][index]
        record.update(members)
        for key in [key for key, value in record.items() if value is ...]:
            del record[key]

    return plant


def add(section: str, **members: Any) -> Plant:
    """Return a plant that appends a record."""
    return lambda content, _folder: content[section].append(members)


def polygon(index: int, segmentation: Any) -> Plant:
    """Return a plant that gives one annotation a mask."""
    return change(index, segmentation=segmentation)


def shift_boxes(convert: Callable[[list[float]], list[float]]) -> Plant:
    """Return a plant that rewrites every box."""

    def plant(content: Content, _folder: Path) -> None:
        for annotation in content["annotations"]:
            annotation["bbox"] = convert(annotation["bbox"])
            annotation["area"] = annotation["bbox"][2] * annotation["bbox"][3]

    return plant


def keep_boxes_of(category: int, count: int) -> Plant:
    """Return a plant that leaves only some boxes of a class."""

    def plant(content: Content, _folder: Path) -> None:
        own = [a for a in content["annotations"] if a["category_id"] == category]
        gone = {a["id"] for a in own[count:]}
        content["annotations"] = [a for a in content["annotations"] if a["id"] not in gone]

    return plant


def image(_content: Content, folder: Path) -> None:
    """Write one more image, `other.jpg`."""
    write_images({"images": [{"file_name": "other.jpg"}]}, folder)


def capital_image(_content: Content, folder: Path) -> None:
    """Write one more image, `OTHER.jpg`."""
    write_images({"images": [{"file_name": "OTHER.jpg"}]}, folder)


def twice(content: Content, _folder: Path) -> None:
    """List one file a second time, with one more box."""
    first = content["images"][0]
    content["images"].append({**first, "id": 900})
    box = {"bbox": [280, 200, 30, 30], "area": 900, "iscrowd": 0}
    content["annotations"].append({"id": 900, "image_id": 900, "category_id": 1, **box})


def one_size(content: Content, _folder: Path) -> None:
    """Give every box the same size."""
    for annotation in content["annotations"]:
        annotation["bbox"][2:] = [40, 40]
        annotation["area"] = 1600


def one_corner(content: Content, _folder: Path) -> None:
    """Move every box to one place; they keep their sizes, and no two of an image are alike."""
    for number, annotation in enumerate(content["annotations"]):
        side = 30 + 5 * (number % 8)
        annotation.update(bbox=[10, 10, side, side + number % 3], area=side * (side + number % 3))


def no_masks(content: Content, _folder: Path) -> None:
    """Give every annotation an empty mask."""
    for annotation in content["annotations"]:
        annotation["segmentation"] = []


def ids_as_text(content: Content, _folder: Path) -> None:
    """Write the ids of images as text in their list only."""
    for image in content["images"]:
        image["id"] = str(image["id"])


def rotated_in_cvat(content: Content, _folder: Path) -> None:
    """Add what CVAT writes to every annotation, one of them drawn rotated."""
    for number, annotation in enumerate(content["annotations"]):
        rotation = 30.0 if number == 8 else 0.0
        annotation["attributes"] = {"occluded": False, "rotation": rotation}


def many_classes(content: Content, _folder: Path) -> None:
    """Name so many classes, all labeled, that one prompt does not hold them."""
    syllables = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
    names = [f"{one}{other}" for one in syllables for other in ("lo", "mi", "nu")][:160]
    content["categories"] = [{"id": n, "name": name} for n, name in enumerate(names, 1)]
    for number, annotation in enumerate(content["annotations"]):
        annotation["category_id"] = 1 + number % len(names)


def tiny_boxes(content: Content, folder: Path) -> None:
    """Write images larger than any training scale, with boxes of a few pixels."""
    times = 8
    for image in content["images"]:
        image.update(width=times * WIDTH, height=times * HEIGHT)
        with Image.open(folder / image["file_name"]) as photo:
            large = photo.resize((times * WIDTH, times * HEIGHT), Image.Resampling.NEAREST)
        large.save(folder / image["file_name"], compress_level=1)
    for number, annotation in enumerate(content["annotations"]):
        x, y, _, _ = annotation["bbox"]
        w, h = 8 + number % 5, 8 + number % 3
        annotation.update(bbox=[times * x, times * y, w, h], area=w * h)


def long_tail(content: Content, _folder: Path) -> None:
    """Label eleven classes, one of them sixty times as often as the others."""
    words = "dog bus kite vase fork bench horse plate clock knife couch".split()
    content["categories"] = [{"id": n, "name": name} for n, name in enumerate(words, 1)]
    content["annotations"] = [
        {
            "id": 1 + number,
            "image_id": 1 + (number + number // IMAGES) % IMAGES,
            "category_id": 1 if number < 600 else 2 + number % 10,
            "bbox": [16 * (number // IMAGES), 10, 12 + number % 4, 40 + number % 7],
            "area": (12 + number % 4) * (40 + number % 7),
            "iscrowd": 0,
        }
        for number in range(700)
    ]


def one_class(content: Content, _folder: Path) -> None:
    """Leave one class and its boxes."""
    del content["categories"][1:]
    content["annotations"] = [a for a in content["annotations"] if a["category_id"] == 1]


def rectangles(content: Content, _folder: Path) -> None:
    """Give every annotation its box as a polygon."""
    for annotation in content["annotations"]:
        x, y, w, h = annotation["bbox"]
        annotation["segmentation"] = [[x, y, x + w, y, x + w, y + h, x, y + h]]


def crowded(content: Content, _folder: Path) -> None:
    """Put 101 small boxes into one image that had four."""
    for number in range(101):
        x, y = 3 * (number % 100), 5 * (number % 40)
        content["annotations"].append(
            {
                "id": 1000 + number,
                "image_id": 5,
                "category_id": 1 + number % 4,
                "bbox": [x, y, 9 + number % 7, 9 + number % 5],
                "area": (9 + number % 7) * (9 + number % 5),
                "iscrowd": 0,
            }
        )


def empty_most(content: Content, _folder: Path) -> None:
    """Leave boxes in 15 of 40 images."""
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] <= 15]


def on_first_image(spoil_file: Callable[[Path], None]) -> Plant:
    """Return a plant that changes the image file of the first image."""
    return lambda content, folder: spoil_file(folder / content["images"][0]["file_name"])


def small(content: Content, folder: Path) -> None:
    """Make one image 30 pixels high, its boxes with it."""
    image = content["images"][0]
    image.update(width=140, height=30)
    with Image.open(folder / image["file_name"]) as photo:
        photo.resize((140, 30)).save(folder / image["file_name"])
    own = [a for a in content["annotations"] if a["image_id"] == image["id"]]
    for number, annotation in enumerate(own):
        annotation.update(bbox=[35 * number, 1, 34, 28], area=34 * 28)


def same_image(content: Content, folder: Path) -> None:
    """Copy the first image over the second."""
    first, second = (folder / image["file_name"] for image in content["images"][:2])
    second.write_bytes(first.read_bytes())


def two_labellers(content: Content, folder: Path) -> None:
    """Move half of the images to another folder and keep other classes in each."""
    (folder / "b").mkdir()
    for image in content["images"][20:]:
        (folder / image["file_name"]).rename(folder / "b" / image["file_name"])
        image["file_name"] = "b/" + image["file_name"]
    content["annotations"] = [
        a for a in content["annotations"] if (a["image_id"] > 20) == (a["category_id"] > 2)
    ]


def drop_class(category: int) -> Plant:
    """Return a plant that removes all boxes of a class."""
    return keep_boxes_of(category, 0)


def swap_classes(content: Content, _folder: Path) -> None:
    """List the classes in another order."""
    content["categories"].reverse()


def rename(name: str) -> Plant:
    """Return a plant that renames the second class."""
    return change(1, "categories", name=name)


def box_of(index: int) -> list[int]:
    """Return the box that an annotation has in the clean set."""
    box: list[int] = clean_content()["annotations"][index]["bbox"]
    return box


X, Y, W, H = box_of(8)
OUTLINE = [[X, Y, X + W, Y, X + W, Y + H]]

DEFECTS: dict[str, tuple[Plant, ...]] = {
    "F5": (change(3, bbox=["1", 2, 30, 40], area=1200),),
    "F6": (change(3, ignore=1),),
    "F6 score": (change(0, score=0.5), change(3, tags=["x"])),
    "F7": (ids_as_text,),
    "F8": (change(0, "images", width=..., height=...),),
    "F10": (rotated_in_cvat,),
    "R1": (add("images", id=1, file_name="other.jpg", width=WIDTH, height=HEIGHT), image),
    "R2": (change(3, id=77),),
    "R3": (change(3, id=0),),
    "R4": (add("categories", id=1, name="lamp"),),
    "R5": (change(3, image_id=999),),
    "R6": (change(3, category_id=99),),
    "R7": (add("categories", id=9, name="kite"),),
    "R9": (twice,),
    "B1": (change(3, bbox=[5, 5, 0, 9]),),
    "B2": (change(3, bbox=[5, 5, 0.5, 9]),),
    "B3": (shift_boxes(lambda b: [b[0] / WIDTH, b[1] / HEIGHT, b[2] / WIDTH, b[3] / HEIGHT]),),
    "B4": (shift_boxes(lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]]),),
    "B5": (shift_boxes(lambda b: [b[0] + b[2] / 2, b[1] + b[3] / 2, b[2], b[3]]),),
    "B6": (change(3, bbox=[300, 200, 40, 30], area=1200),),
    "B7": (change(3, bbox=[5, 5, 1e12, 9]),),
    "B8": (change(3, bbox=...),),
    "B9": (change(3, area=...),),
    "B10": (change(3, area=0),),
    "B11": (change(3, area=9),),
    "B12": (change(3, iscrowd=...),),
    "B13": (*(change(i, iscrowd=1) for i in range(0, 40, 4)),),
    "B14": (
        add(
            "annotations",
            id=900,
            image_id=3,
            category_id=1,
            bbox=[X, Y, W, H],
            area=W * H,
            iscrowd=0,
        ),
    ),
    "B15": (change(3, bbox=[0, 0, WIDTH, HEIGHT], area=WIDTH * HEIGHT),),
    "B16": (change(3, bbox=[5, 5, 2, 2], area=4),),
    "B17": (one_size,),
    "B17 snapped": (one_corner,),
    "M1": (polygon(8, [*OUTLINE, [1, 2, 3]]),),
    "M2": (polygon(8, OUTLINE[0]),),
    "M3": (polygon(8, [[300, 200, 310, 200, 310, 220]]), change(8, area=W * H)),
    "M4": (polygon(8, [*OUTLINE, [X, Y, X + 1, Y, X + 2, Y]]),),
    "M4 crossing": (
        polygon(8, [[X, Y, X + W, Y + H, X + W, Y, X, Y + H / 2]]),
        change(8, area=W * H / 4),
    ),
    "M5": (polygon(8, {"size": [WIDTH, HEIGHT], "counts": [WIDTH * HEIGHT]}),),
    "M6": (polygon(8, OUTLINE), change(8, iscrowd=1)),
    "M7": (rectangles,),
    "M7 empty": (no_masks,),
    "F9": (
        change(0, "images", file_name=..., coco_url="http://images.cocodataset.org/other.jpg"),
        image,
    ),
    "R10": (
        change(0, "images", file_name="OTHER.jpg"),
        change(1, "images", file_name="other.jpg"),
        image,
        capital_image,
    ),
    "N1": (rename("(misc)"),),
    "N2": (rename("Traffic_Light"),),
    "N3": (rename("bus"),),
    "N4": (rename("st. bernard"),),
    "N5": (rename("dog (small)"),),
    "N6": (rename("cls_03"),),
    "N7": (rename("собака"),),
    "N7 accent": (rename("café"),),
    "N8": (rename(" dog"),),
    "N9": (rename("a dog that runs very fast"),),
    "N10": (many_classes,),
    "N11": (rename("light"),),
    "N12": (add("categories", id=8, name="_background_"),),
    "N12 word": (add("categories", id=8, name="background"),),
    "I1": (on_first_image(Path.unlink),),
    "I2": (on_first_image(cut),),
    "I3": (change(0, "images", width=2 * WIDTH, height=2 * HEIGHT),),
    "I4": (on_first_image(turned),),
    "I5": (on_first_image(sixteen_bit),),
    "I6": (on_first_image(really_png),),
    "I7": (small,),
    "I8": (tiny_boxes,),
    "I9": (change(0, "images", file_name=f".\\{clean_content()['images'][0]['file_name']}"),),
    "I10": (image,),
    "I11": (same_image,),
    "D2": (empty_most,),
    "D3": (keep_boxes_of(4, 4),),
    "D6": (one_class,),
    "D7": (crowded,),
    "D11": (two_labellers,),
}
"""Defects to plant for each code; each has no other effect, see test_planted_defects."""
