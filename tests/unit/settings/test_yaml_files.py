import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from train_teacher.core.errors import UsageError
from train_teacher.settings import yaml_files
from train_teacher.settings.layers import SettingsLayer, merge_settings


def write(folder: Path, text: str) -> Path:
    path = folder / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_exponent_without_a_dot_is_a_number(tmp_path: Path) -> None:
    assert yaml_files.read_settings(write(tmp_path, "lr: 1e-4")).values == {"lr": 1e-4}


def test_a_repeated_key_is_refused_with_both_lines(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'lr' is written twice, in lines 1 and 3"):
        yaml_files.read_settings(write(tmp_path, "lr: 1\nseed: 2\nlr: 3\n"))


@pytest.mark.parametrize(
    "text", ["- a\n- b", "just text", "a: [1", "a: !!python/object:os.x {}", "{{a: 1}: 2}"]
)
def test_what_is_not_a_plain_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"settings\.yaml"):
        yaml_files.read_settings(write(tmp_path, text))


@pytest.mark.parametrize("name", ["a" * 300, "a\0b"])
def test_a_name_that_no_file_can_have_is_left_to_who_reads_it(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, f"extends: null\nlanguage_model: {json.dumps(name)}\n")
    assert yaml_files.read_chain(path).values["language_model"] == name


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        yaml_files.read_settings(tmp_path / "x.yaml")


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    assert yaml_files.read_settings(write(tmp_path, "")).values == {}


def test_a_misspelt_preset_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'swin-t'"):
        yaml_files.find_preset("swint")


def test_a_preset_may_not_choose_the_users_data(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="data, output belong to a run"):
        yaml_files.read_preset(str(write(tmp_path, "data: d.json\noutput: o\n")))


def test_all_shipped_presets_are_valid() -> None:
    names = yaml_files.preset_names()
    assert {"demo", "swin-t"} <= set(names)
    run = SettingsLayer("command line", {"data": "d.json", "output": "o"})
    for name in names:
        merge_settings([yaml_files.read_preset(name), run])


def test_files_beside_a_preset_are_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    values = yaml_files.read_preset("demo").values
    assert Path(values["checkpoint"]).is_file()
    assert Path(values["language_model"]).is_dir()


@example({"class": "0E0"})
@given(
    st.dictionaries(
        st.text(min_size=1),
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    )
)
def test_written_settings_are_read_back_unchanged(values: dict[str, object]) -> None:
    text = yaml_files.render_settings(values, "header")
    assert yaml_files.parse_value(text) == (values or {})
