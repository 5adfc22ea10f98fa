from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_teacher.coco.literals import literal


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1, 2, 3, 4]", [1, 2, 3, 4]),
        ("(1, 2.5)", [1, 2.5]),
        ("{'x': 1}", {"x": 1}),
        (" [1] ", [1]),
        ("None", None),
    ],
)
def test_what_json_and_python_print_is_understood(text: str, value: Any) -> None:
    assert literal(text) == value


@pytest.mark.parametrize(
    "text", ["cat", "1 2 3", "[1,", "__import__('os').getcwd()", "f(1)", "b'x'", "[" * 9999]
)
def test_what_spells_no_value_is_none_and_never_run(text: str) -> None:
    assert literal(text) is None


@given(st.recursive(st.integers() | st.text() | st.booleans(), st.lists))
def test_json_is_read_back(value: Any) -> None:
    assert literal(json.dumps(value)) == value
    assert literal(repr(value)) == value
