"""An interrupted prediction goes on where it stopped, and no image is there twice."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from train_teacher.core.errors import UserError
from train_teacher.prediction.prediction_file import PredictedImage, PredictionFile

NAMES = [f"{number}.jpg" for number in range(6)]
MADE_WITH = {"teacher": "exp1", "score_threshold": 0.3}
CATEGORIES = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]


def lines(start: int, end: int) -> Iterator[PredictedImage]:
    for number in range(start, end):
        yield PredictedImage(
            NAMES[number], 100, 80, (number % 2,), (0.5,), ((1.0, 2.0, 10.0, 20.0),)
        )


def opened(folder: Path, **changes: Any) -> PredictionFile:
    return PredictionFile(folder / "out.json", {**MADE_WITH, **changes}, NAMES)


def write(file: PredictionFile, end: int) -> None:
    for _ in file.append(lines(file.done, end)):
        pass


def finish(file: PredictionFile, folder: Path) -> Any:
    target = folder / "out.json"
    file.write(target, range(1, len(NAMES) + 1), CATEGORIES, "made up")
    return json.loads(target.read_text())


@pytest.mark.parametrize("cut", [0, 1, 25])
def test_after_an_interruption_it_goes_on_with_the_next_image(tmp_path: Path, cut: int) -> None:
    first = opened(tmp_path)
    write(first, 3)
    with first.path.open("rb+") as file:
        file.truncate(first.path.stat().st_size - cut)
    second = opened(tmp_path)
    assert second.done == (3 if cut == 0 else 2)
    write(second, 6)
    content = finish(second, tmp_path)
    assert [image["file_name"] for image in content["images"]] == NAMES
    assert [a["id"] for a in content["annotations"]] == [1, 2, 3, 4, 5, 6]
    second.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_the_json_is_a_coco_data_set_with_scores(tmp_path: Path) -> None:
    file = opened(tmp_path)
    write(file, 6)
    content = finish(file, tmp_path)
    assert content["annotations"][1] == {
        "id": 2,
        "image_id": 2,
        "category_id": 2,
        "bbox": [1.0, 2.0, 10.0, 20.0],
        "area": 200.0,
        "iscrowd": 0,
        "score": 0.5,
    }


def test_an_unreadable_image_is_done_but_not_in_the_json(tmp_path: Path) -> None:
    file = opened(tmp_path)
    broken = PredictedImage(NAMES[0], unreadable="it is damaged")
    for _ in file.append(iter([broken, *lines(1, 6)])):
        pass
    assert opened(tmp_path).done == 6
    content = finish(file, tmp_path)
    assert [image["id"] for image in content["images"]] == [2, 3, 4, 5, 6]


def test_the_work_of_another_command_is_not_gone_on_with(tmp_path: Path) -> None:
    write(opened(tmp_path), 2)
    with pytest.raises(UserError, match=r"score_threshold was 0\.3, now 0\.5.*remove the file"):
        opened(tmp_path, score_threshold=0.5)
    with pytest.raises(UserError, match="6 images, now 1"):
        PredictionFile(tmp_path / "out.json", MADE_WITH, NAMES[:1])
    with pytest.raises(UserError, match=r"image 1 was 0\.jpg"):
        PredictionFile(tmp_path / "out.json", MADE_WITH, NAMES[::-1])


def test_a_mask_in_which_nothing_was_found_is_left_out_and_the_area_is_the_boxs(
    tmp_path: Path,
) -> None:
    nothing = {"size": [80, 100], "counts": "Pj7"}
    file = opened(tmp_path)
    found = [
        PredictedImage(name, 100, 80, (0,), (0.5,), ((1.0, 2.0, 10.0, 20.0),), (nothing,))
        for name in NAMES
    ]
    for _ in file.append(iter(found)):
        pass
    for annotation in finish(file, tmp_path)["annotations"]:
        assert annotation["area"] == 200
        assert "segmentation" not in annotation
