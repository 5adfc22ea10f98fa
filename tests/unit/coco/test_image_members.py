import json
from pathlib import Path
from typing import Any

import pytest

from coco_factory import coco, image
from train_teacher.coco import large_file
from train_teacher.coco.image_members import ImageFields, read_image_fields
from train_teacher.coco.reader import read_coco


def fields_of(folder: Path, images: list[dict[str, Any]], *names: str) -> ImageFields:
    path = folder / "data.json"
    path.write_text(json.dumps(coco(images)))
    return read_image_fields(read_coco(path), names)


def test_members_are_read_by_image(tmp_path: Path) -> None:
    images = [image(1, video_id=7), image(2), image(3, video_id="b", frame_id=2.5)]
    fields = fields_of(tmp_path, images, "video_id", "frame_id", "scene")
    assert fields.values == {"video_id": [7, None, "b"], "frame_id": [None, None, 2.5]}
    assert "video_id" in fields.known


def test_a_name_with_odd_characters_is_only_a_name(tmp_path: Path) -> None:
    images = [image(1, **{"drive / day": [1, {"a": 2}]})]
    assert fields_of(tmp_path, images, "drive / day").values == {"drive / day": [[1, {"a": 2}]]}


def test_a_single_member_is_looked_for_in_every_record(tmp_path: Path) -> None:
    images = [image(number) for number in range(1, 700)]
    images[301]["day"] = "mo"
    assert fields_of(tmp_path, images, "day").values["day"][301] == "mo"


def test_rows_are_those_of_the_images_that_could_be_read(tmp_path: Path) -> None:
    images = [image(1, day=1), {"id": 2, "day": 2}, image(3, day=3)]
    assert fields_of(tmp_path, images, "day").values == {"day": [1, 3]}


def test_a_file_with_nan_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps(coco([image(1, day=float("nan")), image(2, day="mo")])))
    assert read_image_fields(read_coco(path), ["day"]).values["day"][1] == "mo"


def test_a_large_file_is_read_without_its_annotations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large_file, "MAPPED_BYTES", 0)
    monkeypatch.setattr("train_teacher.coco.image_members.read_top_level", None)
    images = [image(number, day=number % 3) for number in range(50)]
    assert fields_of(tmp_path, images, "day").values == {"day": [n % 3 for n in range(50)]}
