"""`--fix` brings boxes back to where they were drawn, or leaves them: never somewhere else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from inspected_data import inspect_data
from planted import DEFECTS, HEIGHT, WIDTH, Plant, change, clean_content, shift_boxes, spoil
from train_teacher.inspection.fix.fix_file import FixReport, fix_data
from train_teacher.inspection.load import InspectRequest

Content = dict[str, Any]
Box = list[float]


def corners(b: Box) -> Box:
    return [b[0], b[1], b[0] + b[2], b[1] + b[3]]


def centre(b: Box) -> Box:
    return [b[0] + b[2] / 2, b[1] + b[3] / 2, b[2], b[3]]


def shares(convert: Callable[[Box], Box]) -> Callable[[Box], Box]:
    def converted(b: Box) -> Box:
        x, y, w, h = convert(b)
        return [
            round(x / WIDTH, 6),
            round(y / HEIGHT, 6),
            round(w / WIDTH, 6),
            round(h / HEIGHT, 6),
        ]

    return converted


def y_first(b: Box) -> Box:
    x1, y1, x2, y2 = corners(b)
    return [y1, x1, y2, x2]


def on_scale(full: int, convert: Callable[[Box], Box] = list, *, areas: bool = True) -> Plant:
    """Write every box on a scale of the image size; the areas stay those in pixels, or go."""

    def plant(content: Content, _folder: Path) -> None:
        for annotation in content["annotations"]:
            annotation["bbox"] = convert(
                [full * share for share in shares(list)(annotation["bbox"])]
            )
            if not areas:
                del annotation["area"]

    return plant


def true_areas(convert: Callable[[Box], Box], **members: Any) -> Plant:
    """Rewrite every box; the areas stay those of the objects."""

    def plant(content: Content, _folder: Path) -> None:
        for annotation in content["annotations"]:
            annotation.update(bbox=convert(annotation["bbox"]), **members)

    return plant


def mostly(convert: Callable[[Box], Box]) -> Plant:
    """Rewrite all boxes but one in thirty; the areas stay those of the objects."""

    def plant(content: Content, _folder: Path) -> None:
        for number, annotation in enumerate(content["annotations"]):
            if number % 30:
                annotation["bbox"] = convert(annotation["bbox"])

    return plant


def move_image_ids(step: int) -> Plant:
    def plant(content: Content, _folder: Path) -> None:
        for annotation in content["annotations"]:
            annotation["image_id"] += step

    return plant


def image_ids_as_file_names(content: Content, _folder: Path) -> None:
    names = {image["id"]: image["file_name"] for image in content["images"]}
    for annotation in content["annotations"]:
        annotation["image_id"] = names[annotation["image_id"]]


def category_ids_as_names(content: Content, _folder: Path) -> None:
    names = {category["id"]: category["name"] for category in content["categories"]}
    for annotation in content["annotations"]:
        annotation["category_id"] = names[annotation["category_id"]]


def exchange(content: Content, _folder: Path) -> None:
    for image in content["images"]:
        image.update(width=HEIGHT, height=WIDTH)


def state(factor: float, *, boxes_too: bool) -> Plant:
    """State another size than the files have, with or without the boxes."""

    def plant(content: Content, _folder: Path) -> None:
        for image in content["images"]:
            image.update(width=int(WIDTH * factor), height=int(HEIGHT * factor))
        for annotation in content["annotations"] if boxes_too else ():
            annotation["bbox"] = [v * factor for v in annotation["bbox"]]
            annotation["area"] *= factor**2

    return plant


def outline(content: Content, _folder: Path) -> None:
    for annotation in content["annotations"]:
        x, y, w, h = annotation["bbox"]
        annotation["segmentation"] = [[x, y, x + w, y, x + w, y + h]]
        annotation["area"] = w * h / 2


def double_outline(content: Content, _folder: Path) -> None:
    for annotation in content["annotations"]:
        annotation["segmentation"] = [[2 * v for v in annotation["segmentation"][0]]]
        annotation["keypoints"] = [2 * annotation["bbox"][0], 10, 2]


def fixed(tmp_path: Path, *plants: Plant, images: bool = True) -> tuple[FixReport, Content]:
    path = spoil(tmp_path, *plants)
    report = fix_data(InspectRequest(data=path, check_images=images), tmp_path / "out.json")
    again = InspectRequest(data=tmp_path / "out.json", check_images=images)
    assert fix_data(again, tmp_path / "again.json").changes == ()
    return report, json.loads((tmp_path / "out.json").read_text())


def boxes(content: Content) -> dict[int, Box]:
    return {a["id"]: pytest.approx(a["bbox"], abs=0.01) for a in content["annotations"]}


@pytest.mark.parametrize(
    ("plants", "code"),
    [
        ((shift_boxes(shares(list)),), "B3"),
        ((shift_boxes(shares(corners)),), "B3"),
        ((shift_boxes(shares(centre)),), "B3"),
        ((shift_boxes(corners),), "B4"),
        ((shift_boxes(centre),), "B5"),
        ((shift_boxes(y_first),), "B4"),
        ((true_areas(y_first),), "B4"),
        ((true_areas(corners),), "B4"),
        ((true_areas(corners, bbox_mode=0),), "B4"),
        ((on_scale(100),), "B3"),
        ((on_scale(100, centre),), "B3"),
        ((on_scale(100, areas=False),), "B3"),
        ((on_scale(100, centre, areas=False),), "B3"),
        ((mostly(corners),), "B4"),
        ((mostly(y_first),), "B4"),
        ((on_scale(1000),), "B3"),
        ((on_scale(1000, areas=False),), "B3"),
        ((on_scale(1000, centre),), "B3"),
        (DEFECTS["B5"], "B5"),
        ((move_image_ids(-1),), "R5"),
        ((move_image_ids(1000),), "R5"),
        ((image_ids_as_file_names,), "R5"),
        ((category_ids_as_names,), "R6"),
        ((exchange,), "I3"),
        ((state(2, boxes_too=True),), "I3"),
        ((state(0.5, boxes_too=True),), "I3"),
        ((state(2, boxes_too=False),), "I3"),
        ((state(0.5, boxes_too=False),), "I3"),
        ((state(3, boxes_too=False), shift_boxes(shares(centre))), "B3"),
    ],
)
def test_the_copy_has_the_boxes_as_they_were_drawn(
    tmp_path: Path, plants: tuple[Plant, ...], code: str
) -> None:
    report, copy = fixed(tmp_path, *plants)
    true = clean_content()

    assert code in {change.code for change in report.changes}
    assert report.left == ()
    assert {a["id"]: a["bbox"] for a in copy["annotations"]} == boxes(true)
    assert [a["area"] for a in copy["annotations"]] == pytest.approx(
        [a["area"] for a in true["annotations"]], rel=0.01
    )
    assert copy["images"] == true["images"]
    for key in ("image_id", "category_id"):
        assert [a[key] for a in copy["annotations"]] == [a[key] for a in true["annotations"]]
    assert inspect_data(InspectRequest(data=tmp_path / "out.json")).findings == ()


def test_outlines_and_key_points_are_rescaled_with_their_boxes(tmp_path: Path) -> None:
    _, copy = fixed(tmp_path, outline, double_outline, state(2, boxes_too=True))
    true = clean_content()
    outline(true, tmp_path)

    for record, original in zip(copy["annotations"], true["annotations"], strict=True):
        assert record["segmentation"] == original["segmentation"]
        assert record["area"] == original["area"]
        assert record["keypoints"] == [original["bbox"][0], 5, 2]


def middle(content: Content, _folder: Path) -> None:
    """Put small boxes into the middle, where each reading fits."""
    for number, annotation in enumerate(content["annotations"]):
        annotation["bbox"] = [120 + number % 7, 90 + number % 5, 30 + number % 9, 25]


def few_boxes(content: Content, _folder: Path) -> None:
    content["annotations"] = [
        a for a in content["annotations"] if a["bbox"][0] < 150 and a["bbox"][1] < 150
    ][:6]


def large_boxes(content: Content, _folder: Path) -> None:
    """Boxes around a center that could be corners as well."""
    for number, annotation in enumerate(content["annotations"]):
        annotation["bbox"] = [150 + number % 7, 110 + number % 5, 290, 210 + number % 9]


def strange_sizes(content: Content, _folder: Path) -> None:
    for image in content["images"]:
        image.update(width=200, height=230)


def on_its_side(content: Content, folder: Path) -> None:
    """Turn one photo by EXIF, and let one of its boxes stick out."""
    exif = Image.Exif()
    exif[0x0112] = 6
    file = folder / content["images"][0]["file_name"]
    with Image.open(file) as image:
        image.load()
        image.save(file, exif=exif)
    content["annotations"][0]["bbox"] = [280, 100, 60, 60]


def turned_files(_content: Content, folder: Path) -> None:
    for file in folder.glob("*.jpg"):
        with Image.open(file) as image:
            image.transpose(Image.Transpose.ROTATE_90).save(file)


def run_length_crowd(content: Content, _folder: Path) -> None:
    for annotation in content["annotations"]:
        annotation["segmentation"] = {"size": [2 * HEIGHT, 2 * WIDTH], "counts": [9, 9, 307182]}


@pytest.mark.parametrize(
    ("plants", "code"),
    [
        ((middle, shift_boxes(shares(centre))), "B3"),
        ((middle, shift_boxes(shares(list))), "B3"),
        ((large_boxes,), "B4"),
        # x first (Qwen) and y first (Gemini) fit a square alike.
        ((on_scale(1000, corners),), "B3"),
        ((on_scale(1000, y_first),), "B3"),
        ((on_scale(1000, corners, areas=False),), "B3"),
        ((on_scale(100, corners, areas=False),), "B3"),
        ((strange_sizes,), "I3"),
        ((few_boxes, state(2, boxes_too=False)), "I3"),
        ((on_its_side,), "I4"),
        ((turned_files,), "I3"),
        ((state(2, boxes_too=True), run_length_crowd), "I3"),
    ],
)
def test_what_cannot_be_decided_is_left_as_it_is_written(
    tmp_path: Path, plants: tuple[Plant, ...], code: str
) -> None:
    report, copy = fixed(tmp_path, *plants)
    given = json.loads((tmp_path / "data.json").read_text())

    assert code in {finding.code for finding in report.left}
    assert [a["bbox"] for a in copy["annotations"]] == [a["bbox"] for a in given["annotations"]]
    assert [a.get("area") for a in copy["annotations"]] == [
        a.get("area") for a in given["annotations"]
    ]
    assert copy["images"] == given["images"]


def test_boxes_that_leave_their_images_by_the_tenth_stop_training(tmp_path: Path) -> None:
    def far_out(content: Content, _folder: Path) -> None:
        for annotation in content["annotations"][::8]:
            annotation["bbox"][0] += WIDTH

    found = inspect_data(InspectRequest(data=spoil(tmp_path, far_out))).findings

    assert [f.severity for f in found if f.code == "B6"] == ["error"]


@pytest.mark.parametrize(
    ("plant", "says"),
    [
        (true_areas(y_first), "y1, x1, y2, x2"),
        (on_scale(100), "per cent"),
        (on_scale(1000), "0 to 1000"),
        (true_areas(centre), "center x,y"),
        (true_areas(corners, bbox_mode=0), "bbox_mode"),
    ],
)
def test_a_convention_of_the_whole_file_is_an_error_that_names_it(
    tmp_path: Path, plant: Plant, says: str
) -> None:
    found = inspect_data(InspectRequest(data=spoil(tmp_path, plant))).findings

    assert [f.code for f in found if f.severity == "error" and says in f.message] in (
        ["B3"],
        ["B4"],
        ["B5"],
    )


def small_corners(content: Content, _folder: Path) -> None:
    """Write corners that fit their images as sizes too, and no areas."""
    for number, annotation in enumerate(content["annotations"]):
        x, y = number % 40, number % 30
        annotation["bbox"] = [x, y, x + 30, y + 40]
        annotation.pop("area")


def bbox_mode_of_corners(content: Content, _folder: Path) -> None:
    for annotation in content["annotations"]:
        annotation["bbox_mode"] = 0


def test_corners_are_told_by_bbox_mode_alone(tmp_path: Path) -> None:
    _, copy = fixed(tmp_path, small_corners, bbox_mode_of_corners)

    assert {tuple(a["bbox"][2:]) for a in copy["annotations"]} == {(30, 40)}


def sticking_out(content: Content, _folder: Path) -> None:
    """Let a part of the boxes leave their images by a third, as careless labellers do."""
    content["images"][0].update(width=2400, height=1600)
    for annotation in content["annotations"][::4]:
        annotation.update(bbox=[WIDTH - 60, HEIGHT - 60, 90, 90], area=90 * 90)
    own = [a for a in content["annotations"] if a["image_id"] == 1]
    own[0].update(bbox=[800, 850, 150, 140], area=150 * 140)


def no_areas(content: Content, _folder: Path) -> None:
    for annotation in content["annotations"]:
        annotation.pop("area")


@pytest.mark.parametrize("others", [(), (no_areas,)])
def test_boxes_that_stick_out_are_on_no_scale(tmp_path: Path, others: tuple[Plant, ...]) -> None:
    path = spoil(tmp_path, sticking_out, *others)
    found = inspect_data(InspectRequest(data=path, check_images=False)).findings

    assert "B6" in {finding.code for finding in found}
    assert not {"B3", "B4", "B5"} & {finding.code for finding in found}


def test_areas_of_masks_prove_no_convention(tmp_path: Path) -> None:
    found = inspect_data(InspectRequest(data=spoil(tmp_path, outline))).findings

    assert not {"B3", "B4", "B5"} & {finding.code for finding in found}


def test_undecidable_shares_say_that_they_are_left(tmp_path: Path) -> None:
    path = spoil(tmp_path, middle, shift_boxes(shares(centre)))
    (found,) = (f for f in inspect_data(InspectRequest(data=path)).findings if f.code == "B3")

    assert "is unclear" in found.message
    assert "--fix leaves them" in found.fix


def test_many_boxes_outside_are_not_removed_without_the_images(tmp_path: Path) -> None:
    report, copy = fixed(tmp_path, exchange, images=False)

    assert [finding.code for finding in report.left] == ["B6"]
    assert {a["id"]: a["bbox"] for a in copy["annotations"]} == boxes(clean_content())


def test_one_box_outside_is_still_removed(tmp_path: Path) -> None:
    report, copy = fixed(tmp_path, change(3, bbox=[400, 10, 20, 20], area=400))

    assert [(c.code, c.ids) for c in report.changes] == [("B6", (4,))]
    assert len(copy["annotations"]) == 159
