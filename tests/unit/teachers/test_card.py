"""teacher.json is data of strangers: typed, and nothing in it is run."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from demo_model import make_info, make_settings
from train_teacher.core.errors import UsageError, UserError
from train_teacher.reports.summary import RunSummary
from train_teacher.teachers.card import (
    FORMAT,
    BaseFile,
    Preprocessing,
    TeacherCard,
    card_text,
    describe_teacher,
    detector_settings,
    parse_card,
)


def card(**settings: Any) -> dict[str, Any]:
    """Return a teacher.json, with some of its settings replaced."""
    described = describe_teacher(
        make_info(),
        make_settings(max_per_img=40, denoising_queries=20, set={"model.num_queries": 30}),
        RunSummary(None, None, None),
        base=None,
        preprocessing=Preprocessing([160, 160], [1.0], [1.0], "RGB", 1),
    )
    content: dict[str, Any] = json.loads(card_text(described))
    content["settings"] |= settings
    return content


def read(content: dict[str, Any]) -> TeacherCard:
    return parse_card(json.dumps(content).encode(), "/bundle/teacher.json")


def test_what_is_written_is_read_and_rebuilds_the_settings() -> None:
    found = read(card())
    settings = detector_settings(found, "base.pth", "bert", "teacher.json")
    assert settings.architecture["model.num_queries"] == 40
    assert settings.set == {"model.num_queries": 30}
    assert (settings.val_scale, settings.tune) == ([160, 160], "frozen")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"data": "/etc"}, "unknown field `data`"),
        ({"val_scale": "160"}, "$.settings.val_scale"),
        ({"tune": "exec"}, "$.settings.tune"),
        ({"set": ["a"]}, "$.settings.set"),
    ],
)
def test_an_unknown_or_wrong_value_is_one_message(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as caught:
        read(card(**settings))
    message = str(caught.value)
    assert message.startswith("/bundle/teacher.json: is damaged or not written by train-teacher")
    assert said in message


def test_an_unknown_member_is_refused_and_a_later_format_named_as_such() -> None:
    with pytest.raises(UserError, match="unknown field `run_this`"):
        read({**card(), "run_this": "x"})
    with pytest.raises(UserError, match="newer than this train-teacher"):
        read({**card(), "format": FORMAT + 1, "run_this": "x"})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"base_config": "/tmp/evil.py"}, "base_config: /tmp/evil.py is a Python file"),
        ({"base_config": "../../evil.py"}, "is a Python file"),
        ({"set": {"model.neck.type": "os.system"}}, "set.model.neck.type: 'os.system'"),
        ({"architecture": {"model.neck": {"_scope_": "evil"}}}, "_scope_ would import"),
    ],
)
def test_code_in_it_is_refused_with_the_file_and_the_key(
    settings: dict[str, Any], said: str
) -> None:
    found = read(card(**settings))
    with pytest.raises(UsageError) as caught:
        detector_settings(found, "base.pth", "bert", "/bundle/teacher.json")
    assert str(caught.value).startswith("/bundle/teacher.json, settings: ")
    assert said in str(caught.value)


def described(**settings: Any) -> TeacherCard:
    """Return the card of a run with these settings, on data whose second class has a phrase."""
    return describe_teacher(
        msgspec.structs.replace(make_info(), original_names=("red circle", "C2")),
        make_settings(**settings),
        RunSummary(before=None, best=None, last=None),
        base=BaseFile("base.pth", "0" * 64),
        preprocessing=Preprocessing([800, 1333], [123.7], [58.4], "RGB", 1),
    )


def test_a_detector_is_rebuilt_from_the_text_of_its_card() -> None:
    given = {"denoising_queries": 7, "prompts": {" c2": "blue square."}}
    written = described(**given, set={"model.num_queries": 50, "train_cfg.max_epochs": 3})
    settings = detector_settings(
        parse_card(card_text(written).encode(), "teacher.json"), "/new/base.pth", "/new/bert"
    )
    assert settings.denoising_queries == 7
    assert settings.prompts == {"C2": "blue square"}, "its name in the data, the words as read"
    assert settings.set == {"model.num_queries": 50}
    assert (settings.weights, settings.language_model) == ("/new/base.pth", "/new/bert")


def test_no_place_of_the_training_machine_is_told() -> None:
    text = card_text(described(language_model="/home/me/bert", data="/secret/data.json"))
    assert "/home/me" not in text
    assert "/secret" not in text
    assert json.loads(text)["language_model"] == "bert"


@pytest.mark.parametrize(
    ("content", "said"), [(b"{", "damaged"), (b"{}", "damaged"), (b"newer", "newer")]
)
def test_a_card_that_cannot_be_used_is_refused(content: bytes, said: str) -> None:
    if content == b"newer":
        content = card_text(described()).replace(f'"format": {FORMAT}', '"format": 99').encode()
    with pytest.raises(UserError, match=f"exp1/teacher.json: .*{said}"):
        parse_card(content, "exp1/teacher.json")


def test_a_card_of_the_format_before_thresholds_is_still_read() -> None:
    older = {**card(), "format": 1}
    del older["thresholds"]
    assert read(older).thresholds is None
