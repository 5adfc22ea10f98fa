import pytest

from train_teacher.core.errors import UsageError
from train_teacher.splits.group_rules import (
    GroupRule,
    first_field,
    keys_of_field,
    keys_of_folder,
    keys_of_pattern,
    parse_group_by,
    require_field,
)


@pytest.mark.parametrize("text", ["auto", "none", "folder", "field:scene", r"regex:^(\d+)_"])
def test_a_rule_is_written_back_as_it_was_given(text: str) -> None:
    assert parse_group_by(text).text == text


@pytest.mark.parametrize("text", ["", "video", "field:", "field: ", "regex:", "Auto", "folder:x"])
def test_what_is_no_rule_is_refused_with_the_rules(text: str) -> None:
    with pytest.raises(UsageError, match=r"--group-by .*auto, none, folder, field:NAME"):
        parse_group_by(text)


def test_a_broken_pattern_is_told_with_its_place() -> None:
    with pytest.raises(UsageError, match=r"regex:a\(b: not a regular expression.* at character 2"):
        parse_group_by("regex:a(b")


def test_a_colon_belongs_to_the_pattern() -> None:
    assert parse_group_by("regex:(?:a|b):c") == GroupRule("regex", "(?:a|b):c")


def test_the_first_group_of_a_pattern_is_the_key_and_else_all_of_it() -> None:
    names = ["day1_cam2_01.jpg", "day2_cam2_01.jpg", "other.jpg"]
    assert keys_of_pattern(names, r"(day\d)_(cam\d)") == ["day1", "day2", None]
    assert keys_of_pattern(names, r"cam\d") == ["cam2", "cam2", None]


def test_a_pattern_that_finds_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match=r"none of the 2 file names \(such as a\.jpg\)"):
        keys_of_pattern(["b.jpg", "a.jpg"], "video")


def test_folders_may_be_written_as_on_windows() -> None:
    assert keys_of_folder(["a/b/1.jpg", "a\\b\\2.jpg", "3.jpg"]) == ["a/b", "a/b", ""]


def test_values_that_say_nothing_are_no_key() -> None:
    assert keys_of_field([None, "", -1, [], {}, float("nan")]) == [None] * 6
    assert None not in keys_of_field([0, "0", False, [1], {"a": 1}, 2.5])
    assert len(set(keys_of_field([1, "1"]))) == 2


def test_a_field_that_no_image_has_is_refused_with_those_that_are_there() -> None:
    with pytest.raises(UsageError, match=r"'scene'.*They have: id, file_name"):
        require_field("scene", [None, None], ["id", "file_name"])
    require_field("scene", [None, b"1"], [])


def test_a_field_in_which_images_differ_comes_before_one_that_is_the_same_everywhere() -> None:
    fields = {"video_id": [1, 1], "seq_id": ["a", "b"], "clip": [None, None]}
    assert first_field(fields, ("video_id", "clip", "seq_id")) == "seq_id"
    assert first_field(fields, ("clip", "video_id")) == "video_id"
    assert first_field(fields, ("clip", "absent")) is None


def test_a_few_kinds_of_scene_are_no_recordings() -> None:
    kinds = ["highway", "city", "tunnel"] * 10
    assert first_field({"scene": kinds}, ("scene",)) is None
    assert first_field({"scene": list(range(30))}, ("scene",)) == "scene"
