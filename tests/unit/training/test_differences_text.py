import pytest

from train_teacher.training.differences_text import _difference_lines


@pytest.mark.parametrize(
    ("theirs", "ours", "expected"),
    [
        (5.0, 2.0, ["      key: 5.0 -> 2.0"]),
        (..., True, ["      key: (absent) -> True"]),
        ([{"type": "A"}], [{"type": "B"}, {"type": "C"}], ["      key: [A] -> [B, C]"]),
    ],
)
def test_a_difference_is_one_line(theirs: object, ours: object, expected: list[str]) -> None:
    assert _difference_lines("key", theirs, ours) == expected


def test_long_lists_of_names_say_what_left_and_what_joined() -> None:
    names = [f"a_long_name_{number}" for number in range(9)]
    lines = _difference_lines("key", [*names, "gone"], [*names, "new"])
    assert lines == ["      key:", "        without gone", "        with new"]
    assert _difference_lines("key", names, names[::-1])[1:] == ["        in another order"]


def test_no_line_is_wider_than_a_terminal() -> None:
    lines = _difference_lines("model.some.key", {"a": "x" * 90}, {"b": "y" * 90})
    assert len(lines) == 2
    assert max(map(len, lines)) <= 80
