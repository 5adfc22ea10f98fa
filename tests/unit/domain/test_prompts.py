import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_teacher.domain import prompts
from train_teacher.domain.errors import UsageError


@given(st.text(alphabet="ab_ ()", max_size=12))
@pytest.mark.usefixtures("mmdet_ready")
def test_cleaning_is_exactly_mmdets(name: str) -> None:
    from mmdet.models.detectors.grounding_dino import clean_label_name

    assert prompts.clean_label_name(name) == clean_label_name(name)


@pytest.mark.parametrize(
    ("name", "read"),
    [("Hard_Hat", "hard hat"), ("crane (bird)", "crane"), ("café", "cafe"), ("(misc)", "")],
)
def test_names_are_read_as_an_uncased_bert_reads_them(name: str, read: str) -> None:
    assert prompts.reads_as(name) == read


def test_separators_and_invisible_characters_leave_a_name() -> None:
    assert prompts.canonical_name("  No. 5\n\u200bbus?") == "No 5 bus"


def test_a_phrase_replaces_its_class_and_keeps_the_order() -> None:
    names = prompts.apply_class_prompts(["H1", "cat"], {"H1": "steel bolt"})
    assert names == ("steel bolt", "cat")


def test_a_phrase_for_no_class_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'cat'"):
        prompts.apply_class_prompts(["cat"], {"cta": "a cat"})


def test_an_empty_phrase_is_refused() -> None:
    with pytest.raises(UsageError, match="empty"):
        prompts.apply_class_prompts(["cat"], {"cat": " . "})


def test_the_caption_is_built_as_mmdet_builds_it() -> None:
    assert prompts.build_prompt(["cat", "red car"]) == "cat. red car. "


def test_the_estimate_counts_marks_separators_and_words() -> None:
    assert prompts.estimate_tokens(["cat", "red car"]) == 2 + 2 + 3
