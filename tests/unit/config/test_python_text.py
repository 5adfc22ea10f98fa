from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.config import Config

from train_teacher.config.python_text import WIDTH, render_assignments, render_header

NAMES = st.sampled_from(["type", "a", "b", "lambda", "two words", "backbone"])
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=False)
    | st.text(max_size=40)
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(NAMES, inner, max_size=4)
    ),
    max_leaves=25,
)


def loaded(text: str) -> dict[str, Any]:
    scope: dict[str, Any] = {}
    exec(text, {"dict": dict, "float": float}, scope)
    return scope


@given(VALUES, st.dictionaries(NAMES.map(lambda name: f"value.{name}"), st.text(min_size=1)))
def test_what_is_written_is_read_back_equal(value: object, reasons: dict[str, str]) -> None:
    text = render_assignments({"value": value}, reasons)
    assert loaded(text) == {"value": value}
    assert repr(loaded(text)["value"]) == repr(value)


@settings(max_examples=20, deadline=None)
@given(st.text(st.sampled_from("{}$_ :fileDirnamebase."), min_size=1))
def test_mmengine_replaces_nothing_in_names_and_reasons(name: str) -> None:
    text = render_header(name) + render_assignments({"value": [name, "x/y"]}, {"value": name})
    assert Config._get_base_files is not None  # the parser that replaces {{...}} is MMEngine's
    assert Config.fromstring(text, ".py").value == [name, "x/y"]


def test_the_reason_stands_above_its_key_at_any_depth() -> None:
    content = {"model": {"head": {"a": 1, "b": 2}}, "steps": [{"type": "A"}, {"type": "B"}]}
    reasons = {"model": "whole", "model.head.b": "why b", "steps.1.type": "why B", "gone": "x"}
    assert render_assignments(content, reasons) == (
        "# whole\n"
        "model = dict(\n"
        "    head=dict(\n"
        "        a=1,\n"
        "        # why b\n"
        "        b=2))\n"
        "\n"
        "steps = [\n"
        "    dict(type='A'),\n"
        "    dict(\n"
        "        # why B\n"
        "        type='B')]\n"
    )


def test_short_assignments_stand_together_with_their_reason_behind_them() -> None:
    content = {"lr": 1e-4, "epochs": 12, "long": [10**29] * 4, "last": None}
    assert render_assignments(content, {"lr": "why"}) == (
        "lr = 0.0001  # why\n"
        "epochs = 12\n"
        "\n"
        "long = [\n"
        "    100000000000000000000000000000, 100000000000000000000000000000,\n"
        "    100000000000000000000000000000, 100000000000000000000000000000]\n"
        "\n"
        "last = None\n"
    )


def test_another_folder_changes_nothing_but_its_own_name() -> None:
    def text(folder: str) -> str:
        loader = {"ann_file": f"{folder}/train.json", "prefix": {"img": f"{folder}/"}, "n": 1}
        return render_assignments({"loader": loader, "files": [f"{folder}/a", f"{folder}/b"]}, {})

    long = f"/{'long' * 30}"
    assert text(long).replace(long, "/s") == text("/s")


def test_long_lists_and_reasons_are_broken_into_lines() -> None:
    text = render_assignments({"names": [f"class {n}" for n in range(99)]}, {"names": "why " * 50})
    assert len(text.splitlines()) > 10
    assert all(len(line) <= WIDTH for line in text.splitlines())


def test_an_object_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="cannot be written"):
        render_assignments({"path": tmp_path}, {})
