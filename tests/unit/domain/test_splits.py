from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_factory import annotation, category, coco, image
from train_teacher.adapters.coco_file import read_coco
from train_teacher.domain.coco import CocoDataset
from train_teacher.domain.errors import UsageError
from train_teacher.domain.splits import parse_split, split_images

SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}


def dataset(folder: Path, content: dict[str, Any]) -> CocoDataset:
    import json

    path = folder / "data.json"
    path.write_text(json.dumps(content))
    return read_coco(path)


def labelled(labels: list[int], stems: list[str] | None = None) -> dict[str, Any]:
    """One image per label; 0 is an image without boxes."""
    names = stems or [f"p{number:04d}.jpg" for number in range(len(labels))]
    images = [image(n + 1, file_name=name) for n, name in enumerate(names)]
    boxes = [annotation(n + 1, n + 1, label) for n, label in enumerate(labels) if label]
    return coco(images, boxes, [category(i, f"class {i}") for i in (1, 2, 3)])


def names_by_split(data: CocoDataset, seed: int = 0) -> dict[str, set[str]]:
    rows = split_images(data, SHARES, seed)
    return {k: {data.images[row].file_name for row in v.tolist()} for k, v in rows.items()}


@given(labels=st.lists(st.integers(0, 3), min_size=1, max_size=60), seed=st.integers(0, 9))
def test_every_image_is_in_exactly_one_split(
    tmp_path_factory: pytest.TempPathFactory, labels: list[int], seed: int
) -> None:
    data = dataset(tmp_path_factory.mktemp("split"), labelled(labels))
    rows = np.concatenate(list(split_images(data, SHARES, seed).values()))
    assert sorted(rows.tolist()) == list(range(len(labels)))


@given(order=st.permutations(range(24)))
def test_the_order_of_the_json_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, order: list[int]
) -> None:
    content = labelled([1, 2, 3, 0] * 6)
    expected = names_by_split(dataset(tmp_path_factory.mktemp("a"), content))
    content["images"] = [content["images"][i] for i in order]
    assert names_by_split(dataset(tmp_path_factory.mktemp("b"), content)) == expected


def test_copies_of_one_picture_stay_together(tmp_path: Path) -> None:
    stems = [f"p{n // 3}_jpg.rf.{n:08x}.jpg" for n in range(60)]
    split = names_by_split(dataset(tmp_path, labelled([1] * 60, stems)))
    origins = [{name.split(".rf.")[0] for name in names} for names in split.values()]
    assert not origins[0] & origins[1]
    assert not origins[0] & origins[2]
    assert not origins[1] & origins[2]


def test_classes_and_empty_images_keep_their_shares(tmp_path: Path) -> None:
    split = names_by_split(dataset(tmp_path, labelled([1] * 100 + [2] * 40 + [0] * 60)))
    val = sorted(int(name[1:5]) for name in split["val"])
    assert sum(number < 100 for number in val) == 15
    assert sum(100 <= number < 140 for number in val) == 6
    assert sum(number >= 140 for number in val) == 9


def test_a_rare_class_is_learned_first_and_validated_second(tmp_path: Path) -> None:
    split = names_by_split(dataset(tmp_path, labelled([1] * 30 + [2] * 2 + [3])))
    rare = {f"p{number:04d}.jpg" for number in (30, 31)}
    assert len(split["train"] & rare) == 1
    assert len(split["val"] & rare) == 1
    assert "p0032.jpg" in split["train"]


def test_another_seed_gives_another_split(tmp_path: Path) -> None:
    data = dataset(tmp_path, labelled([1] * 50))
    assert names_by_split(data, 0) != names_by_split(data, 1)
    assert names_by_split(data, 0) == names_by_split(data, 0)


@pytest.mark.parametrize("text", ["", "0.7", "a/b", "0.5/0.2", "1.2/-0.2", "0.7/0.3/0", "nan/1"])
def test_shares_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--split"):
        parse_split(text)


def test_two_shares_leave_no_test_split() -> None:
    assert parse_split("0.8/0.2").shares() == {"train": 0.8, "val": 0.2}
