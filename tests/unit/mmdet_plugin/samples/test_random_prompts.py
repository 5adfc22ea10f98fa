import copy
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from demo_model import DEMO_BASE, build_model, demo_batch, make_settings
from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.samples.random_prompts import RandomPrompt
from train_teacher.mmdet_plugin.samples.repeatable import SeededDataset
from train_teacher.prompts.caption import build_prompt, prompt_tokens
from train_teacher.prompts.tokenizer import count_tokens

LANGUAGE_MODEL = str(DEMO_BASE.parent / "language_model")
NAMES = tuple(f"{colour} thing {i}" for i in range(100) for colour in ("red", "blue", "green"))


@pytest.fixture
def transform(tmp_path: Path) -> RandomPrompt:
    return make(tmp_path, NAMES)


def make(folder: Path, names: tuple[str, ...], **arguments: Any) -> RandomPrompt:
    path = folder / "label_map.json"
    path.write_text(json.dumps({str(i): name for i, name in enumerate(names)}))
    return RandomPrompt(LANGUAGE_MODEL, str(path), **arguments)


def sample(labels: list[int]) -> dict[str, Any]:
    return {
        "gt_bboxes": np.arange(4 * len(labels)).reshape(-1, 4),
        "gt_bboxes_labels": np.array(labels, np.int64),
        "gt_ignore_flags": np.zeros(len(labels), bool),
    }


def test_every_box_keeps_its_class_by_name(transform: RandomPrompt) -> None:
    for seed in range(50):
        np.random.seed(seed)
        labels = [7, 299, 7, 0]
        drawn = transform(sample(labels))
        assert [drawn["text"][i] for i in drawn["gt_bboxes_labels"]] == [NAMES[i] for i in labels]


def test_no_class_is_named_twice_and_negatives_are_not_in_the_image(
    transform: RandomPrompt,
) -> None:
    # mmdet's RandomSamplingNegPos compares 7 with "7" and names such a class twice.
    for seed in range(50):
        np.random.seed(seed)
        text = transform(sample(list(range(40))))["text"]
        assert len(set(text)) == len(text)


def test_a_prompt_never_exceeds_the_tokens_of_the_model(transform: RandomPrompt) -> None:
    most = 0
    for seed in range(100):
        np.random.seed(seed)
        text = transform(sample(list(range(seed))))["text"]
        most = max(most, count_tokens(text, LANGUAGE_MODEL).total)
    assert 250 < most <= 256


def test_an_image_without_boxes_gets_negatives_only(transform: RandomPrompt) -> None:
    drawn = transform(sample([]))
    assert drawn["text"]
    assert len(drawn["gt_bboxes_labels"]) == 0
    assert drawn["custom_entities"] is True


def test_with_more_classes_than_fit_boxes_labels_and_flags_stay_together_and_all_have_their_turn(
    transform: RandomPrompt,
) -> None:
    trained: set[str] = set()
    for seed in range(80):
        np.random.seed(seed)
        drawn = transform(sample(list(range(300))))
        lengths = {len(drawn[key]) for key in ("gt_bboxes", "gt_bboxes_labels", "gt_ignore_flags")}
        assert lengths == {len(drawn["text"])}
        assert (drawn["gt_bboxes"][:, 0] // 4).tolist() == sorted(drawn["gt_bboxes"][:, 0] // 4)
        trained |= set(drawn["text"])
    assert trained == set(NAMES)


def test_labels_stay_below_the_pretrained_denoising_table(tmp_path: Path) -> None:
    transform = make(tmp_path, tuple("abcdefghij"), most_negatives=10)
    assert transform(sample(list(range(10))))["gt_bboxes_labels"].max() < 256


def test_the_same_seed_draws_the_same_prompt(transform: RandomPrompt) -> None:
    texts = []
    for seed in (1, 1, 2):
        np.random.seed(seed)
        texts.append(transform(sample([3]))["text"])
    assert texts[0] == texts[1] != texts[2]


def test_a_class_without_a_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'\(misc\)' has no token"):
        make(tmp_path, ("cat", "(misc)"))


@given(st.lists(st.text(alphabet="aZé7-/'& cat", min_size=1, max_size=12), max_size=8))
def test_the_tokens_of_the_classes_add_up_to_those_of_the_prompt(names: list[str]) -> None:
    count = count_tokens(names, LANGUAGE_MODEL)
    assert prompt_tokens(count.by_class) == count.total


def test_the_model_learns_from_such_prompts_also_of_an_image_without_boxes(
    transform: RandomPrompt,
) -> None:
    np.random.seed(0)
    torch.manual_seed(0)
    model = build_model(make_settings(weights=str(DEMO_BASE))).train()
    inputs, samples = demo_batch(model)
    for data_sample, labels in zip(samples, ([5, 200], []), strict=True):
        drawn = transform(sample(labels))
        data_sample.set_metainfo({"text": drawn["text"]})
        data_sample.gt_instances = data_sample.gt_instances[: len(labels)]
        data_sample.gt_instances.labels = torch.from_numpy(drawn["gt_bboxes_labels"])
    losses = model.loss(inputs, samples)
    total = sum(value for name, value in losses.items() if "loss" in name)
    assert torch.isfinite(total)
    total.backward()
    first = samples[0].gt_instances.positive_maps
    caption = build_prompt(samples[0].text)
    tokens = model.language_model.tokenizer(caption)["input_ids"]
    for row, label in enumerate(samples[0].gt_instances.labels.tolist()):
        ids = [tokens[i] for i in first[row].nonzero().flatten().tolist()]
        assert model.language_model.tokenizer.decode(ids) == samples[0].text[label]


CLASSES, ABSENT = ("red circle", "blue square"), ("green star", "red ring", "blue cross")


def of_words(**arguments: Any) -> RandomPrompt:
    return RandomPrompt(
        LANGUAGE_MODEL, class_names=CLASSES, words=ABSENT, every_class=True, **arguments
    )


def test_words_are_asked_for_beside_every_class_and_no_box_is_theirs() -> None:
    transform, told = of_words(), set()
    for seed in range(40):
        np.random.seed(seed)
        drawn = transform(sample([1, 1]))
        assert set(CLASSES) < set(drawn["text"])
        assert [drawn["text"][i] for i in drawn["gt_bboxes_labels"]] == [CLASSES[1]] * 2
        told |= set(drawn["text"])
    assert told == {*CLASSES, *ABSENT}


def test_a_number_of_absent_classes_is_added_to_those_of_the_image() -> None:
    transform = RandomPrompt(
        LANGUAGE_MODEL, class_names=(*CLASSES, *ABSENT), most_negatives=2, full_share=1.0
    )
    for seed in range(20):
        np.random.seed(seed)
        text = transform(sample([0]))["text"]
        assert len(text) == 3
        assert CLASSES[0] in text


def test_negatives_are_drawn_from_seed_epoch_and_image_in_whatever_order() -> None:
    transform = of_words()
    samples = Samples(transform)
    first = [samples.of(epoch, image) for epoch in (0, 1) for image in range(6)]
    again = [samples.of(epoch, image) for epoch in (1, 0) for image in reversed(range(6))]
    assert first == again[::-1]
    assert len(set(first)) > 6


class Samples:
    """Images that SeededDataset would seed, as after a stop in the middle of an epoch."""

    def __init__(self, transform: RandomPrompt) -> None:
        self.data = SeededDataset.__new__(SeededDataset)
        self.data.seed, self.data.epoch = 7, SimpleNamespace(value=0)
        self.data._fully_initialized = True
        self.data._ori_len = 6
        self.data.dataset = [transform] * 6

    def of(self, epoch: int, image: int) -> tuple[str, ...]:
        self.data.epoch.value = epoch
        text: tuple[str, ...] = self.data[image](sample([0]))["text"]
        return text


def test_outputs_with_negatives_are_those_without_the_text_cache() -> None:
    torch.manual_seed(0)
    model = build_model(make_settings(weights=str(DEMO_BASE))).train()
    assert model.language_model.text_cache is not None
    inputs, samples = demo_batch(model)
    found = []
    for cached in (True, True, False):
        if not cached:
            model.language_model.text_cache = None
        np.random.seed(3)
        batch = copy.deepcopy(samples)
        for data_sample in batch:
            drawn = of_words()(sample([0, 1]))
            data_sample.set_metainfo({"text": drawn["text"]})
            data_sample.gt_instances.labels = torch.from_numpy(drawn["gt_bboxes_labels"])
        assert len({one.text for one in batch}) == 2
        torch.manual_seed(1)
        found.append(model.loss(inputs, batch))
    for name, value in found[0].items():
        assert torch.equal(torch.as_tensor(value), torch.as_tensor(found[1][name])), name
        torch.testing.assert_close(value, found[2][name], rtol=1e-5, atol=1e-6)
