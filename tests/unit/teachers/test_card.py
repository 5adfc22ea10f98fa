"""teacher.json rebuilds a detector years later, and tells nobody where anything lay."""

from __future__ import annotations

import json
from typing import Any

import pytest

from demo_model import make_info, make_settings
from train_teacher.core.errors import UserError
from train_teacher.reports.summary import RunSummary
from train_teacher.teachers.card import (
    BaseFile,
    Preprocessing,
    TeacherCard,
    card_text,
    describe_teacher,
    detector_settings,
    parse_card,
)


def card(**settings: Any) -> TeacherCard:
    """Return the card of a run with these settings."""
    return describe_teacher(
        make_info(),
        make_settings(**settings),
        RunSummary(before=None, best=None, last=None),
        base=BaseFile("base.pth", "0" * 64),
        frozen=("backbone",),
        preprocessing=Preprocessing([800, 1333], [123.7], [58.4], "RGB", 1),
        versions={"torch": "2.13.0"},
    )


def test_a_detector_is_rebuilt_from_the_text_of_its_card() -> None:
    given = {"denoising_queries": 7, "prompts": {"C1": "red circle"}}
    written = card(**given, set={"model.num_queries": 50, "train_cfg.max_epochs": 3})
    settings = detector_settings(
        parse_card(card_text(written).encode(), "teacher.json"), "/new/base.pth", "/new/bert"
    )
    assert settings.denoising_queries == 7
    assert settings.prompts == {"C1": "red circle"}
    assert settings.set == {"model.num_queries": 50}
    assert (settings.weights, settings.language_model) == ("/new/base.pth", "/new/bert")


def test_no_place_of_the_training_machine_is_told() -> None:
    text = card_text(card(language_model="/home/me/bert", data="/secret/data.json"))
    assert "/home/me" not in text
    assert "/secret" not in text
    assert json.loads(text)["language_model"] == "bert"


@pytest.mark.parametrize(
    ("content", "said"), [(b"{", "damaged"), (b"{}", "damaged"), (b"newer", "newer")]
)
def test_a_card_that_cannot_be_used_is_refused(content: bytes, said: str) -> None:
    if content == b"newer":
        content = card_text(card()).replace('"format": 1', '"format": 99').encode()
    with pytest.raises(UserError, match=f"exp1/teacher.json: .*{said}"):
        parse_card(content, "exp1/teacher.json")
