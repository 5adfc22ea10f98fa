from typing import Any

from coco_factory import annotation, category, image
from train_teacher.data.odvg import label_map, odvg_records


def records(*annotations: Any, **size: int) -> list[dict[str, Any]]:
    classes = [category(1, "cat"), category(2, "red car")]
    content = {"images": [image(1, **size)], "annotations": annotations, "categories": classes}
    return list(odvg_records(content))


def boxes(*annotations: Any) -> list[Any]:
    return [i["bbox"] for i in records(*annotations)[0]["detection"]["instances"]]


def test_a_box_has_corners_a_label_from_zero_and_its_class() -> None:
    (record,) = records(annotation(1, 1, 2, bbox=[4, 5, 20, 10]))
    assert record == {
        "filename": "1.jpg",
        "height": 48,
        "width": 64,
        "detection": {"instances": [{"bbox": [4, 5, 24, 15], "label": 1, "category": "red car"}]},
    }


def test_an_image_without_boxes_stays_as_a_negative() -> None:
    assert boxes() == []


def test_what_takes_no_part_in_the_loss_is_left_out() -> None:
    assert boxes(annotation(1, iscrowd=1), annotation(2, ignore=1)) == []


def test_what_mmdets_coco_loader_drops_is_left_out() -> None:
    outside = annotation(1, bbox=[-30, 5, 20, 10])
    thin = annotation(2, bbox=[4, 5, 0.9, 10])
    flat = annotation(3, area=0)
    assert boxes(outside, thin, flat) == []


def test_images_that_mmdets_coco_loader_drops_are_left_out() -> None:
    assert records(height=31) == []
    assert len(records(height=32)) == 1


def test_a_box_of_one_pixel_is_still_one_pixel_after_the_loader_subtracted() -> None:
    ((left, top, right, bottom),) = boxes(annotation(1, bbox=[0.3, 4.1, 1.0, 1.0], area=1))
    assert right - left >= 1
    assert bottom - top >= 1
    assert abs(right - 1.3) < 1e-12


def test_the_label_map_is_keyed_as_mmdet_reads_it() -> None:
    assert label_map(["cat", "red car"]) == {"0": "cat", "1": "red car"}
