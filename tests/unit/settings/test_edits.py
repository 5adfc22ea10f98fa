import pytest

from train_teacher.settings.edits import edited_values
from train_teacher.settings.foreign_code import problems_of


def test_tuples_and_removed_keys_come_back_as_what_they_were() -> None:
    edits = {"a.scale": "(1, 2)", "b": "...", "c": "{'type': 'X', 'sides': [(1, 2.0)]}"}
    expected = {"a.scale": (1, 2), "b": ..., "c": {"type": "X", "sides": [(1, 2.0)]}}
    assert edited_values(edits) == expected


@pytest.mark.parametrize("text", ["__import__('os')", "f(", "open"])
def test_code_in_a_settings_file_is_refused_and_not_run(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        edited_values({"model.x": text})
    (problem,) = problems_of("edited", {"model.x": text})
    assert "no Python literal" in problem


def test_a_class_that_nobody_registers_is_refused_in_an_edit_too() -> None:
    (problem,) = problems_of("edited", {"model.x": "{'type': 'os.system'}"})
    assert problem.startswith("edited.model.x.type: 'os.system' is no class")
