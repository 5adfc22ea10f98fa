"""Text that is not quite JSON is repaired in place, and reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coco_factory import annotation, category, coco, image
from train_teacher.coco.dataset import CocoDataset
from train_teacher.coco.reader import read_coco
from train_teacher.core.errors import UserError


def read(tmp_path: Path, text: str) -> CocoDataset:
    path = tmp_path / "data.json"
    path.write_bytes(text.encode())
    return read_coco(path)


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(UserError) as error:
        read(tmp_path, text)
    return str(error.value)


def test_trailing_commas_are_removed_and_noted(tmp_path: Path) -> None:
    text = json.dumps(coco(images=[image(1, "a,] ,}.jpg"), image(2)]), indent=1)
    broken = text.replace("10\n   ],", "10,\n   ] ,").replace("0\n  }", "0,\n  }")
    assert broken.count(",") > text.count(",")

    dataset = read(tmp_path, broken)

    assert len(dataset.annotations) == 4
    assert dataset.images[0].file_name == "a,] ,}.jpg"
    assert "commas before a closing bracket were removed" in (dataset.encoding_note or "")


def test_a_file_that_is_cut_off_is_not_repaired(tmp_path: Path) -> None:
    text = json.dumps(coco()).replace("}]", "},]")

    assert "ends in the middle of a record at byte 900" in refusal(tmp_path, text[:900])


def test_two_commas_are_f1_with_the_place(tmp_path: Path) -> None:
    message = refusal(tmp_path, '{"images": [],\n "annotations": [1,,],\n "categories": []}')

    assert "F1 is not valid JSON at byte 35 (line 2)" in message
    assert "[1,,]" in message


def test_half_a_character_is_replaced_and_noted(tmp_path: Path) -> None:
    names = [r"\ud800dog", r"\ude00", r"\ud83d\ude00", r"\\ud800", r"\ud800\ud83d\ude00"]
    categories = [category(n, f"<{n}>") for n in range(len(names))]
    text = json.dumps(coco(categories=categories))
    for number, name in enumerate(names):
        text = text.replace(f"<{number}>", name)
    dataset = read(tmp_path, text)

    names = [c.name for c in dataset.categories]
    assert names == ["\ufffddog", "\ufffd", "\U0001f600", r"\ud800", "\ufffd\U0001f600"]
    assert "half characters" in (dataset.encoding_note or "")
    assert "NaN" not in (dataset.encoding_note or "")


TOO_DEEP = 20_000
"""No parser of any Python follows so far: up to 3.11 it gives up at 1,000, 3.13 at 10,000."""


def nested(levels: int) -> str:
    return '{"a":[' * (levels // 2) + "]}" * (levels // 2)


@pytest.mark.parametrize("nan", [False, True])
def test_a_value_nested_too_deeply_is_left_out_and_its_record_named(
    tmp_path: Path, nan: bool
) -> None:
    content = coco(
        info={"deep": "<2000>", "version": "7"},
        images=[image(1, extra="<3000>"), image(2)],
        annotations=[
            *(annotation(1), 5, annotation(3, note='a "} ,] {[ \\" inside', attributes="<1100>")),
            *(annotation(4, area="x"), annotation(5, segmentation="<20000>")),
            annotation(6, area=float("nan") if nan else 4),
        ],
    )
    text = json.dumps(content)
    for levels in (1100, 2000, 3000, TOO_DEEP):
        text = text.replace(f'"<{levels}>"', nested(levels))
    dataset = read(tmp_path, text)

    deep = "is nested more than 200 levels deep"
    assert [(p.path, p.outcome) for p in dataset.problems if p.message == deep] == [
        ("images[0].extra", "ignored"),
        ("annotations[2].attributes", "ignored"),
        ("annotations[4].segmentation", "ignored"),
    ]
    assert [p.path for p in dataset.problems if p.message != deep] == [
        "annotations[1]",
        "annotations[3].area",
    ]
    assert [i.id for i in dataset.images] == [1, 2]
    assert dataset.annotations.index.tolist() == [0, 2, 3, 4, 5]
    assert dataset.info["version"] == "7"
    assert "200 levels deep were left out: 4" in (dataset.encoding_note or "")


@pytest.mark.parametrize(
    "text", ["[" * TOO_DEEP, '{"a":' * TOO_DEEP, '{"images": ' + "[" * TOO_DEEP]
)
def test_a_deep_file_that_never_ends_is_refused(tmp_path: Path, text: str) -> None:
    assert "F1 nested too deeply" in refusal(tmp_path, text)
