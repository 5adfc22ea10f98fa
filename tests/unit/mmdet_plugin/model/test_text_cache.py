from __future__ import annotations

import copy
import importlib

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from demo_model import DEMO_BASE, build_model, make_settings
from train_teacher.mmdet_plugin.model.text_cache import phrase_spans, span_masks

SPECIAL = frozenset({101, 102, 1012, 1029})
CAPTIONS = [
    "red circle. blue square. ",
    "a green triangle? yellow star. ",
    "circle. ",
    "what is that ? a blue circle . red. ",
    "no full stop",
]


@pytest.fixture(scope="module")
def language_model() -> torch.nn.Module:
    model = build_model(make_settings(weights=str(DEMO_BASE)))
    return model.language_model  # type: ignore[no-any-return]


@pytest.fixture
def counted(language_model: torch.nn.Module) -> tuple[torch.nn.Module, list[int]]:
    """Give the model and the batch sizes with which its BERT was run."""
    runs: list[int] = []

    def note(module: object, args: tuple[dict[str, torch.Tensor]]) -> None:
        runs.append(len(args[0]["input_ids"]))

    model = copy.deepcopy(language_model)
    model.language_backbone.register_forward_pre_hook(note)
    return model, runs


def plain(model: torch.nn.Module, captions: list[str]) -> dict[str, torch.Tensor]:
    model = copy.deepcopy(model)
    model.text_cache = None
    with torch.no_grad():
        return model(captions)  # type: ignore[no-any-return]


@given(st.lists(st.sampled_from([0, 101, 102, 1012, 1029, 7, 8]), min_size=1, max_size=24))
def test_phrases_are_cut_where_mmdet_cuts_them(ids: list[int]) -> None:
    importlib.import_module("train_teacher.mmdet_plugin")
    from mmdet.models.language_models import bert

    masks, positions = bert.generate_masks_with_special_tokens_and_transfer_map(
        {"input_ids": torch.tensor([[101, *ids]])}, sorted(SPECIAL)
    )
    ours, our_positions = span_masks(phrase_spans([101, *ids], SPECIAL))
    assert torch.equal(ours, masks[0])
    assert torch.equal(our_positions, positions[0])


@pytest.mark.parametrize("captions", [CAPTIONS[:1] * 3, CAPTIONS, CAPTIONS[::-1]])
def test_cached_text_equals_what_the_model_says(
    language_model: torch.nn.Module, captions: list[str]
) -> None:
    expected = plain(language_model, captions)
    for _ in range(2):
        found = language_model(captions)
        assert found["embedded"].shape == expected["embedded"].shape
        torch.testing.assert_close(found["embedded"], expected["embedded"], atol=2e-6, rtol=1e-5)
        for key in ("masks", "position_ids", "text_token_mask"):
            assert torch.equal(found[key], expected[key]), key


def test_a_caption_that_is_too_long_is_cut_like_without_the_cache(
    language_model: torch.nn.Module,
) -> None:
    captions = ["a red circle with a blue square. " * 60, "circle. "]
    expected = plain(language_model, captions)
    found = language_model(captions)
    assert found["embedded"].shape[1] == 256
    torch.testing.assert_close(found["embedded"], expected["embedded"], atol=2e-6, rtol=1e-5)
    assert torch.equal(found["masks"], expected["masks"])


def test_the_language_model_runs_once_per_phrase(
    counted: tuple[torch.nn.Module, list[int]],
) -> None:
    model, runs = counted
    model(["red circle. blue square. "] * 4)
    assert runs == [4]  # [CLS], two phrases, [SEP]
    model(["red circle. blue square. "] * 4)
    model(["blue square. red circle. ", "red circle. "])
    assert runs == [4, 1]  # the padding token of the shorter caption
    model(["blue square. yellow star. "])
    assert runs == [4, 1, 1]


def test_the_caller_may_change_the_dictionary(language_model: torch.nn.Module) -> None:
    first = language_model(["circle. "])
    first["embedded"] = None
    assert language_model(["circle. "])["embedded"] is not None


def test_a_language_model_that_trains_is_never_remembered(
    counted: tuple[torch.nn.Module, list[int]],
) -> None:
    model, runs = counted
    model.requires_grad_(True)
    assert model(["circle. "])["embedded"].requires_grad
    model(["circle. "])
    model.requires_grad_(False).train()
    model(["circle. "])
    assert runs == [1, 1, 1]


def test_new_weights_empty_the_cache(counted: tuple[torch.nn.Module, list[int]]) -> None:
    model, _ = counted
    before = model(["red circle. "])["embedded"]
    state = {name: tensor * 1.1 for name, tensor in model.state_dict().items()}
    model.load_state_dict(state)
    after = model(["red circle. "])["embedded"]
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, plain(model, ["red circle. "])["embedded"])
