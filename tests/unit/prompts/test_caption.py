import shlex
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_teacher.core.errors import UsageError, UserError
from train_teacher.prompts import caption


@given(st.text(alphabet="ab_ ()", max_size=12))
@pytest.mark.usefixtures("mmdet_ready")
def test_cleaning_is_exactly_mmdets(name: str) -> None:
    from mmdet.models.detectors.grounding_dino import clean_label_name

    assert caption.clean_label_name(name) == clean_label_name(name)


@pytest.mark.parametrize(
    ("name", "read"),
    [("Hard_Hat", "hard hat"), ("crane (bird)", "crane"), ("café", "cafe"), ("(misc)", "")],
)
def test_names_are_read_as_an_uncased_bert_reads_them(name: str, read: str) -> None:
    assert caption.reads_as(name) == read


def test_separators_and_invisible_characters_leave_a_name() -> None:
    assert caption.canonical_name("  No. 5\n\u200bbus?") == "No 5 bus"


def test_a_phrase_replaces_its_class_and_keeps_the_order() -> None:
    names = caption.apply_class_prompts(["H1", "cat"], {"H1": "steel bolt"})
    assert names == ("steel bolt", "cat")


def test_a_phrase_for_no_class_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'cat'"):
        caption.apply_class_prompts(["cat"], {"cta": "a cat"})


def test_an_empty_phrase_is_refused() -> None:
    with pytest.raises(UsageError, match="empty"):
        caption.apply_class_prompts(["cat"], {"cat": " . "})


def test_the_caption_is_built_as_mmdet_builds_it() -> None:
    assert caption.build_prompt(["cat", "red car"]) == "cat. red car. "


def test_the_estimate_counts_marks_separators_and_words() -> None:
    assert caption.estimate_tokens(["cat", "red car"]) == 2 + 2 + 3


def test_a_phrase_for_no_class_of_many_lists_only_some() -> None:
    with pytest.raises(UsageError, match=r"prompts: in YAML.*class 9 and 1190 more$"):
        caption.apply_class_prompts([f"class {i}" for i in range(1200)], {"zzz": "a cat"})


@given(
    st.lists(st.integers(1, 61), max_size=60),
    st.integers(64, 128),
    st.none() | st.integers(1, 20),
)
def test_every_class_is_in_one_prompt_and_no_prompt_exceeds_its_limits(
    tokens: list[int], limit: int, most: int | None
) -> None:
    names = [f"class {i}" for i in range(len(tokens))]
    parts = caption.pack_classes(names, tokens, limit, most)
    assert [position for part in parts for position in part] == list(range(len(tokens)))
    for part in parts:
        assert caption.prompt_tokens([tokens[i] for i in part]) <= limit
        assert 0 < len(part) <= (most or len(tokens))


@given(st.lists(st.integers(1, 61), min_size=1, max_size=60))
def test_no_prompt_ends_while_another_class_would_fit(tokens: list[int]) -> None:
    parts = caption.pack_classes([""] * len(tokens), tokens, 64)
    for part, following in pairwise(parts):
        with_one_more = [tokens[i] for i in (*part, following.start)]
        assert caption.prompt_tokens(with_one_more) > 64


def test_a_class_longer_than_a_prompt_is_named() -> None:
    with pytest.raises(UserError, match=r"class 'war and peace' needs a prompt of 257 tokens"):
        caption.pack_classes(["cat", "war and peace"], [1, 254])


def test_a_class_without_a_token_is_named() -> None:
    with pytest.raises(UserError, match=r"class '\(misc\)' has no token"):
        caption.pack_classes(["cat", "(misc)"], [1, 0])


def test_classes_are_spread_evenly_over_the_fewest_prompts() -> None:
    assert caption.classes_per_prompt(["x"] * 130, [1] * 130, 256) == 65
    assert caption.classes_per_prompt(["x"] * 127, [1] * 127, 256) == 127


def test_names_that_look_the_same_match_and_equal_letters_come_first() -> None:
    assert caption.match_names(["dog ", "cat", "bus"], ["dog", " cat", "cat"]) == [0, 2, -1]


def test_a_phrase_finds_a_class_whose_name_has_a_stray_space() -> None:
    assert caption.apply_class_prompts([" dog", "cat"], {"dog": "puppy"}) == ("puppy", "cat")


def test_names_that_differ_in_capitals_or_stored_accents_match() -> None:
    assert caption.match_names(["person", "cafe\u0301"], ["Person", "caf\u00e9"]) == [0, 1]
    assert caption.match_names(["CAT", "Cat"], ["cat", "Cat"]) == [-1, 1]
    assert caption.match_names(["resume"], ["r\u00e9sume"]) == [-1]


def test_a_phrase_finds_a_class_whose_accent_is_stored_otherwise() -> None:
    assert caption.apply_class_prompts(["cafe\u0301"], {"caf\u00e9": "coffee shop"}) == (
        "coffee shop",
    )


@given(st.text(min_size=1))
def test_the_option_that_gives_a_class_other_words_is_one_word_of_a_shell(name: str) -> None:
    assert shlex.split(caption.class_prompt(name)) == [
        "--class-prompt",
        f"{caption.visible_name(name)}=some words",
    ]


def test_pieces_show_what_is_read_only_where_some_is_unknown() -> None:
    assert caption.read_with("Hard_Hats", ["hard", "hat", "##s"]) == "hard hats"
    assert caption.read_with("\u8f66 Hats", ["[UNK]", "hat", "##s"]) == "[UNK] hats"


@pytest.mark.parametrize("split", [{"cat": "x=y"}, {"cat=x": "y"}])
def test_a_phrase_may_hold_equals_signs_wherever_it_was_split(split: dict[str, str]) -> None:
    assert caption.apply_class_prompts(["cat", "a=b"], split) == ("x=y", "a=b")
    assert caption.given_phrases(["cat", "a=b"], split) == ("x=y", "a=b")


def test_a_class_whose_name_holds_an_equals_sign_gets_its_phrase() -> None:
    prompts = {"a=b": "some words"}

    assert caption.apply_class_prompts(["a", "a=b"], prompts) == ("a", "some words")
