"""The whole way from a file on disk to a split and its account."""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from coco_factory import annotation, category, image, make_coco
from train_teacher.core.errors import UsageError, UserError
from train_teacher.data import split_file
from train_teacher.data.manager import DataManager
from train_teacher.splits.report import SplitReport


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAIN_TEACHER_CACHE", str(tmp_path / "cache"))


def make(
    folder: Path,
    names: Sequence[str],
    labels: Sequence[int] | None = None,
    classes: int = 1,
    **members: Sequence[Any],
) -> Path:
    """Write one image a name, with a box of the class, or none where it is negative."""
    images = [
        image(row + 1, name, **{key: values[row] for key, values in members.items()})
        for row, name in enumerate(names)
    ]
    boxes = [
        annotation(row + 1, row + 1, label + 1)
        for row, label in enumerate(labels or [0] * len(names))
        if label >= 0
    ]
    categories = [category(k + 1, f"class {k}") for k in range(classes)]
    return make_coco(folder, images=images, annotations=boxes, categories=categories)


def split(path: Path, **options: Any) -> SplitReport:
    report = DataManager(path, **options).split_report
    assert report is not None
    return report


def save_photo(path: Path, seed: int, quality: int = 90) -> None:
    noise = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((64, 48), Image.Resampling.BICUBIC).save(path, quality=quality)


def test_images_saved_twice_stay_together_without_a_second_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{letter}{copy}.jpg" for letter in "abcdefghijklmnopqrst" for copy in (0, 1)]
    path = make(tmp_path / "d", names)
    for row, name in enumerate(names):
        save_photo(tmp_path / "d" / name, seed=row // 2, quality=90 - row % 2 * 15)
    report = split(path)
    assert report.num_groups == 20
    pairs = zip(names[::2], names[1::2], strict=True)
    assert all(report.files[one] == report.files[other] for one, other in pairs)
    assert any("look nearly the same" in what for what in report.found)

    def refuse(_: str) -> bytes:
        raise AssertionError("decoded a second time")

    monkeypatch.setattr("train_teacher.images.decoding.measure_image", refuse)
    assert split(path) == report


@pytest.mark.parametrize("limit", ["MOST_DECODED", "MOST_PIXELS"])
def test_too_many_images_are_not_decoded_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(split_file, limit, 5)
    path = make(tmp_path / "d", [f"{letter}.jpg" for letter in "abcdefgh"])
    assert any("8 images were not looked at" in note for note in split(path).notes)


def test_a_copy_under_another_name_stays_with_its_original(tmp_path: Path) -> None:
    names = [f"{letter}.jpg" for letter in "abcdefghijklmnop"]
    path = make(tmp_path / "d", names)
    for name in names[1:5]:
        (tmp_path / "d" / name).write_bytes((tmp_path / "d" / "a.jpg").read_bytes())
    report = split(path)
    assert len({report.files[name] for name in names[:5]}) == 1
    assert "5 images with the same content, in 1 group" in report.found


def test_videos_of_the_records_stay_whole(tmp_path: Path) -> None:
    names = [f"{number:05d}.jpg" for number in range(40)]
    report = split(make(tmp_path / "d", names, video_id=[n % 8 for n in range(40)]))
    for video in range(8):
        assert len({report.files[name] for name in names[video::8]}) == 1
    assert report.found == ("40 images with the same video_id, in 8 groups",)
    assert report.images == {"train": 30, "val": 5, "test": 5}


def test_one_video_with_everything_is_cut_by_frame_number_and_that_is_said(
    tmp_path: Path,
) -> None:
    frames = [(n * 7) % 100 for n in range(100)]  # the names say nothing of the order
    names = [f"{number:05d}.jpg" for number in range(100)]
    report = split(make(tmp_path / "d", names, video_id=[3] * 100, frame_id=frames))
    in_order = [report.files[name] for _, name in sorted(zip(frames, names, strict=True))]
    changes = sum(one != other for one, other in pairwise(in_order))
    assert changes < 10
    assert report.images["val"] >= 10
    assert any("cut into 10 contiguous blocks" in note for note in report.notes)


@pytest.mark.parametrize("rule", ["folder", "field:place", r"regex:\.(\w+)$"])
def test_a_rule_that_makes_one_group_is_refused_with_its_name(tmp_path: Path, rule: str) -> None:
    names = [f"{number}.jpg" for number in range(10)]
    path = make(tmp_path / "d", names, place=["here"] * 10)
    with pytest.raises(UserError, match=r"--group-by .* puts all 10 images into one group"):
        DataManager(path, group_by=rule).plan_splits(tmp_path / "out")


@pytest.mark.parametrize("rule", ["field:absent", "regex:zebra"])
def test_a_rule_that_finds_nothing_is_wrong_usage(tmp_path: Path, rule: str) -> None:
    path = make(tmp_path / "d", ["a.jpg", "b.jpg"])
    with pytest.raises(UsageError, match="nothing would be grouped"):
        DataManager(path, group_by=rule).plan_splits(tmp_path / "out")


def test_a_rule_that_is_none_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a rule"):
        DataManager(tmp_path / "absent.json", group_by="videos")


def test_the_account_is_written_beside_the_copies(tmp_path: Path) -> None:
    path = make(tmp_path / "d", [f"{letter}.jpg" for letter in "abcdefghij"])
    manager = DataManager(path, seed=5, group_by="none")
    (tmp_path / "out").mkdir()
    copies = manager.write_splits(tmp_path / "out")
    written = json.loads((tmp_path / "out" / "split.json").read_text())
    assert (written["group_by"], written["seed"]) == ("none", 5)
    for name, copy in copies.items():
        files = [record["file_name"] for record in json.loads(copy.read_text())["images"]]
        assert sorted(files) == [file for file, where in written["files"].items() if where == name]


def test_the_order_of_the_json_changes_nothing(tmp_path: Path) -> None:
    labels = [number % 4 - 1 for number in range(60)]
    path = make(tmp_path / "d", [f"{number}.jpg" for number in range(60)], labels, classes=3)
    expected = split(path).files
    content = json.loads(path.read_text())
    for section in ("images", "annotations", "categories"):
        content[section].reverse()
    path.write_text(json.dumps(content))
    assert split(path).files == expected


def test_other_phrases_for_the_classes_give_the_same_split(tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(60)]
    path = make(tmp_path / "d", names, [number % 3 for number in range(60)], classes=3)
    prompts = {"class 0": "zebra", "class 2": "ant"}
    assert split(path, class_prompts=prompts).files == split(path).files


def test_data_that_came_split_is_not_split_again(tmp_path: Path) -> None:
    names = [f"{letter}.jpg" for letter in "abcdefghij"]
    train, val = make(tmp_path / "t", names), make(tmp_path / "v", ["x.jpg"])
    manager = DataManager(train, val=val)
    (tmp_path / "out").mkdir()
    assert set(manager.write_splits(tmp_path / "out")) == {"train", "val"}
    assert manager.split_report is None
    assert not (tmp_path / "out" / "split.json").exists()
    assert [info.num_images for info in manager.plan_splits(tmp_path / "out")] == [10, 1]


def test_a_folder_with_train_and_test_gets_a_val_from_train_only(tmp_path: Path) -> None:
    train = make(tmp_path / "t", [f"{n}.jpg" for n in range(20)])
    test = make(tmp_path / "e", ["x.jpg"])
    manager = DataManager(train, test=test)
    sizes = {info.name: info.num_images for info in manager.plan_splits(tmp_path / "out")}
    assert sizes == {"train": 16, "val": 4, "test": 1}
    assert manager.split_report is not None
    assert set(manager.split_report.shares_wanted) == {"train", "val"}


def test_three_images_are_a_split_and_one_is_not(tmp_path: Path) -> None:
    path = make(tmp_path / "three", ["a.jpg", "b.jpg", "c.jpg"])
    sizes = [info.num_images for info in DataManager(path).plan_splits(tmp_path / "out")]
    assert sizes == [1, 1, 1]
    path = make(tmp_path / "one", ["a.jpg"])
    with pytest.raises(UserError, match="no validation split can be made of 1 image"):
        DataManager(path).plan_splits(tmp_path / "out")


def test_only_empty_images_are_refused_as_nothing_to_learn_from(tmp_path: Path) -> None:
    path = make(tmp_path / "d", [f"{n}.jpg" for n in range(10)], [-1] * 10)
    with pytest.raises(UserError, match="train split has no usable box"):
        DataManager(path).plan_splits(tmp_path / "out")
