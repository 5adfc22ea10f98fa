import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from coco_factory import annotation, category, image, make_coco
from train_teacher.core.errors import UserError
from train_teacher.data.manager import DataManager


def make(
    folder: Path,
    images: list[Any] | None = None,
    annotations: list[Any] | None = None,
    categories: list[Any] | None = None,
) -> Path:
    return make_coco(folder, images=images, annotations=annotations, categories=categories)


def written(manager: DataManager, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    files = manager.write_splits(folder)
    return {name: json.loads(path.read_text()) for name, path in files.items()}


def test_copies_are_complete_and_alike(tmp_path: Path) -> None:
    images = [image(i) for i in range(12)]
    boxes = [annotation(i, i, 7, area=..., iscrowd=...) for i in range(12)]
    data = make(tmp_path / "d", images, boxes, [category(7, "cat"), category(9, "dog")])
    copies = written(DataManager(data), tmp_path / "out")
    assert set(copies) == {"train", "val", "test"}
    for copy in copies.values():
        assert copy["categories"] == [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
        assert [a["id"] for a in copy["annotations"]] == list(
            range(1, len(copy["annotations"]) + 1)
        )
        assert all(a["area"] == 200 and a["iscrowd"] == 0 for a in copy["annotations"])
    originals = sorted(i["original_id"] for copy in copies.values() for i in copy["images"])
    assert originals == list(range(12))


def test_the_plan_is_what_is_written(tmp_path: Path) -> None:
    data = make(tmp_path / "d", [image(i) for i in range(1, 21)])
    manager = DataManager(data)
    plan = {split.name: split for split in manager.plan_splits(tmp_path / "out")}
    copies = written(manager, tmp_path / "out")
    for name, copy in copies.items():
        assert plan[name].num_images == len(copy["images"])
        assert plan[name].num_annotations == len(copy["annotations"])
        assert sum(plan[name].boxes_per_class) == plan[name].num_boxes


def test_a_val_file_in_another_order_keeps_its_names(tmp_path: Path) -> None:
    train = make(tmp_path / "t", categories=[category(1, "cat"), category(2, "red car")])
    val = make(
        tmp_path / "v",
        [image(1)],
        [annotation(1, 1, 5)],
        [category(4, "red car"), category(5, "cat")],
    )
    copies = written(DataManager(train, val=val), tmp_path / "out")
    assert copies["val"]["categories"] == copies["train"]["categories"]
    names = {c["id"]: c["name"] for c in copies["val"]["categories"]}
    assert [names[a["category_id"]] for a in copies["val"]["annotations"]] == ["cat"]


def test_a_val_file_with_another_space_in_a_name_is_matched(tmp_path: Path) -> None:
    names = [category(1, "cat "), category(2, "red car"), category(3, "cat")]
    val = make_coco(
        tmp_path / "val", categories=names, annotations=[annotation(1), annotation(2, 2, 3)]
    )
    manager = DataManager(make_coco(tmp_path / "train"), val=val)

    manager.write_splits(tmp_path)

    copy = json.loads((tmp_path / "val.json").read_text())
    assert [a["category_id"] for a in copy["annotations"]] == [1, 1]


def test_a_class_that_training_lacks_is_refused(tmp_path: Path) -> None:
    train = make(tmp_path / "t")
    val = make(tmp_path / "v", [image(1)], [annotation(1, 1, 1)], [category(1, "zebra")])
    with pytest.raises(UserError, match="zebra"):
        DataManager(train, val=val).plan_splits(tmp_path)


def test_a_missing_box_is_derived_from_its_polygon(tmp_path: Path) -> None:
    polygon = [[10, 10, 30, 10, 30, 40]]
    boxes = [annotation(i, i, 1, bbox=..., area=..., segmentation=polygon) for i in range(1, 9)]
    data = make(tmp_path / "d", [image(i) for i in range(1, 9)], boxes)
    copies = written(DataManager(data), tmp_path / "out")
    assert copies["train"]["annotations"][0]["bbox"] == [10, 10, 20, 30]
    assert copies["train"]["annotations"][0]["segmentation"] == polygon


def test_phrases_become_the_names_that_are_trained(tmp_path: Path) -> None:
    data = make(tmp_path / "d", [image(i) for i in range(1, 9)])
    copies = written(DataManager(data, class_prompts={"cat": "small cat"}), tmp_path / "out")
    assert copies["val"]["categories"][0]["name"] == "small cat"


def test_classes_beyond_one_prompt_are_also_written_as_odvg_files(tmp_path: Path) -> None:
    images = [image(i) for i in range(1, 9)]
    boxes = [annotation(i, i, 90 + i % 2) for i in range(1, 9)]
    classes = [category(i, f"class number {i}") for i in range(300)]
    data = make(tmp_path / "d", images, boxes, classes)
    copies = written(DataManager(data), tmp_path / "out")
    assert set(copies) == {"train", "val", "test"}
    lines = (tmp_path / "out" / "train.odvg.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert [r["filename"] for r in records] == [i["file_name"] for i in copies["train"]["images"]]
    labels = json.loads((tmp_path / "out" / "label_map.json").read_text())
    for record, box in zip(records, copies["train"]["annotations"], strict=True):
        (instance,) = record["detection"]["instances"]
        assert labels[str(instance["label"])] == instance["category"]
        assert instance["label"] == box["category_id"] - 1


def test_classes_of_one_prompt_need_no_odvg_files(tmp_path: Path) -> None:
    written(DataManager(make(tmp_path / "d", [image(i) for i in range(1, 9)])), tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert "train.json" in names
    assert not names & {"train.odvg.jsonl", "label_map.json"}


def test_missing_images_are_counted_and_named(tmp_path: Path) -> None:
    data = make(tmp_path / "d", [image(i) for i in range(1, 9)])
    next((tmp_path / "d").rglob("3.jpg")).unlink()
    with pytest.raises(UserError, match=r"1 of 8 images were not found.*3\.jpg"):
        DataManager(data).plan_splits(tmp_path)


def test_nothing_to_train_on_is_refused(tmp_path: Path) -> None:
    boxes = [annotation(1, 1, bbox=[5, 5, 0, 0])]
    data = make(tmp_path / "d", [image(1), image(2)], boxes)
    with pytest.raises(UserError, match="no usable box"):
        DataManager(data).plan_splits(tmp_path)


@pytest.mark.usefixtures("mmdet_ready")
def test_mmdet_loads_the_copies_with_the_counts_of_the_plan(tmp_path: Path) -> None:
    from mmdet.datasets import CocoDataset

    data = make(tmp_path / "d", [image(i) for i in range(1, 31)])
    manager = DataManager(data)
    (tmp_path / "out").mkdir()
    files = manager.write_splits(tmp_path / "out")
    for split in manager.plan_splits(tmp_path / "out"):
        loaded = CocoDataset(
            ann_file=str(files[split.name]),
            metainfo={"classes": ("cat", "red car")},
            data_prefix={"img": f"{split.image_dir}/"},
            pipeline=[],
        )
        labels = [
            i["bbox_label"]
            for n in range(len(loaded))
            for i in loaded.get_data_info(n)["instances"]
        ]
        assert len(loaded) == split.num_images
        assert [labels.count(k) for k in range(2)] == list(split.boxes_per_class)


def perfect_score(copy: dict[str, Any]) -> float:
    """Return the AP of a detector that finds every box that can be seen."""
    truth = COCO()
    truth.dataset = copy
    truth.createIndex()
    sizes = {i["id"]: (i["width"], i["height"]) for i in copy["images"]}
    found = [
        {**{k: a[k] for k in ("image_id", "category_id", "bbox")}, "score": 0.9}
        for a in copy["annotations"]
        if min(a["bbox"][2:]) >= 1
        and a["bbox"][0] < sizes[a["image_id"]][0]
        and a["bbox"][1] < sizes[a["image_id"]][1]
    ]
    scored = COCOeval(truth, truth.loadRes(found), "bbox")
    scored.evaluate()
    scored.accumulate()
    scored.summarize()
    return float(scored.stats[0])


@given(
    st.lists(
        st.tuples(
            st.sampled_from([-30.0, 0.0, 10.0, 99.5, 300.0]),
            st.sampled_from([0.4, 1.0, 20.0]),
            st.sampled_from([0.0, 20.0, 5000.0]),
        ),
        max_size=8,
    )
)
@settings(max_examples=25, deadline=None)
def test_a_perfect_detector_scores_1_on_val(boxes: list[tuple[float, float, float]]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        train = make(folder / "train")
        odd = [annotation(n, 1, 1, bbox=[x, y, w, 20]) for n, (x, w, y) in enumerate(boxes, 2)]
        good = annotation(1, 1, 1, bbox=[40, 40, 20, 20])
        val = make(folder / "val", [image(1)], [good, *odd])
        manager = DataManager(train, val=val)

        copy = written(manager, folder / "out")["val"]

        assert perfect_score(copy) == pytest.approx(1.0)
        counts = {
            len(copy["annotations"]),
            manager.plan_splits(folder)[1].num_boxes,
            manager.inspect().splits[1].num_boxes,
        }
        assert len(counts) == 1


def test_all_counts_are_those_of_the_loader(tmp_path: Path) -> None:
    images = [image(i, width=100, height=100) for i in range(1, 13)]
    good = [annotation(i, i, 1, bbox=[10, 10, 20, 20]) for i in range(1, 13)]
    outside = [annotation(20 + i, i, 1, bbox=[200, 10, 20, 20]) for i in range(1, 13)]
    thin = [annotation(40 + i, i, 1, bbox=[10, 10, 0.5, 20]) for i in range(1, 13)]
    manager = DataManager(make(tmp_path / "d", images, [*good, *outside, *thin]))

    copies = written(manager, tmp_path / "out")

    assert sum(len(copy["annotations"]) for copy in copies.values()) == 12
    assert sum(split.num_boxes for split in manager.plan_splits(tmp_path)) == 12
    report = manager.split_report
    assert report is not None
    assert sum(report.boxes.values()) == 12


def test_the_values_of_an_attribute_are_the_classes_of_the_copies(tmp_path: Path) -> None:
    kinds = ("truck", "car", "bus")
    boxes = [annotation(i, i, attributes={"type": kinds[i % 3]}) for i in range(24)]
    data = make(tmp_path / "d", [image(i) for i in range(24)], boxes, [category(1, "vehicle")])
    manager = DataManager(data, class_from="attributes.type")
    copies = written(manager, tmp_path / "out")

    assert manager.inspect().class_names == ("bus", "car", "truck")
    for copy in copies.values():
        names = {c["id"]: c["name"] for c in copy["categories"]}
        original = {i["id"]: i["original_id"] for i in copy["images"]}
        for box in copy["annotations"]:
            assert names[box["category_id"]] == kinds[original[box["image_id"]] % 3]
