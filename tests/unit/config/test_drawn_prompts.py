"""`negatives` becomes a drawn prompt, in one prompt and in several; what would harm is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from demo_model import make_info, make_settings
from train_teacher.config.drawn_prompts import drawn_prompt, negative_words, told_prompts
from train_teacher.config.generate import generate_mmdet_config
from train_teacher.core.errors import UsageError
from train_teacher.inspection.facts import DatasetInfo


def many() -> DatasetInfo:
    names = tuple(f"thing {n}" for n in range(200))
    info = make_info(names)
    prompt = msgspec.structs.replace(info.prompt, tokens=602, class_tokens=(2,) * 200)
    return msgspec.structs.replace(info, prompt=prompt)


def pipeline(**values: Any) -> tuple[list[dict[str, Any]], str]:
    generated = generate_mmdet_config(make_info(), make_settings(**values))
    loader = next(o for o in generated.overrides if o.key == "train_dataloader")
    return loader.value["dataset"]["dataset"]["pipeline"], loader.reason


def test_without_negatives_every_prompt_asks_for_every_class() -> None:
    steps, reason = pipeline()
    assert all(step["type"] != "RandomPrompt" for step in steps)
    assert "negatives)" not in reason


def test_the_config_draws_negatives_after_the_crop_and_says_why() -> None:
    steps, reason = pipeline(negatives=["Green star.", "green star", "rain"])
    assert [step["type"] for step in steps][-2:] == ["RandomPrompt", "PackDetInputs"]
    assert steps[-2]["words"] == ("Green star", "rain")
    assert steps[-2]["every_class"] is True
    assert steps[-2]["class_names"] == ("red circle", "blue square")
    assert "all classes and some of 2 absent words (negatives)" in reason


def test_a_number_asks_for_the_classes_of_the_image_and_so_many_others() -> None:
    steps, reason = pipeline(negatives=1)
    assert steps[-2]["most_negatives"] == 1
    assert steps[-2]["full_share"] == 1.0
    assert "its classes and 1 absent (negatives)" in reason


def test_where_one_prompt_is_too_short_negatives_change_the_drawing_that_is_there() -> None:
    usual = drawn_prompt(many(), make_settings())
    assert usual is not None
    assert "class_names" not in usual
    fewer = drawn_prompt(many(), make_settings(negatives=5))
    assert fewer == {**usual, "most_negatives": 5, "full_share": 1.0}
    words = drawn_prompt(many(), make_settings(negatives=["rain"]))
    assert words == {**usual, "words": ("rain",), "every_class": False}
    assert "its classes and some of 1 absent word" in told_prompts(
        many(), make_settings(negatives=["rain"])
    )


@pytest.mark.parametrize(
    ("word", "said"), [("RED  Circle", "read as the class 'red circle'"), ("(?)", "no word")]
)
def test_a_word_that_is_a_class_or_none_is_refused(word: str, said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        negative_words(make_info(), make_settings(negatives=[word]))


def test_plain_refuses_negatives_by_name() -> None:
    with pytest.raises(UsageError, match="--plain: MMDetection has no `negatives`"):
        generate_mmdet_config(make_info(), make_settings(negatives=3, plain=True))
