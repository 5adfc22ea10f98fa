from typing import Any

import pytest
import torch
from mmengine.structures import InstanceData

from demo_model import DEMO_BASE, build_model, demo_batch, make_settings
from generated_data import make_images
from train_teacher.core.errors import UserError

NAMES = tuple(f"{c} {s}" for c in ("red", "green", "blue", "yellow") for s in ("circle", "square"))


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(0)
    return build_model(make_settings(weights=str(DEMO_BASE))).eval()


@pytest.fixture(scope="module")
def inputs(model: Any, tmp_path_factory: pytest.TempPathFactory) -> torch.Tensor:
    import cv2

    folder = tmp_path_factory.mktemp("images")
    make_images(folder, images=12, seed=3, classes=NAMES)
    images = [cv2.imread(str(path)) for path in sorted(folder.rglob("*.jpg"))]
    square = [p for p in images if p.shape[:2] == (160, 160)][:2]
    batch = torch.stack([torch.from_numpy(p).permute(2, 0, 1) for p in square])
    processed = model.data_preprocessor({"inputs": list(batch), "data_samples": None})
    return processed["inputs"]


def predict(
    model: Any, inputs: torch.Tensor, names: Any, chunked_size: int = -1, most: int = 40
) -> list[InstanceData]:
    model.test_cfg = {"chunked_size": chunked_size, "max_per_img": most}
    model.bbox_head.test_cfg = model.test_cfg
    _, samples = demo_batch(model)
    for sample in samples:
        sample.set_metainfo({"text": names})
    with torch.no_grad():
        results = model.predict(inputs, samples[: len(inputs)])
    return [sample.pred_instances for sample in results]


def same(first: InstanceData, second: InstanceData) -> None:
    torch.testing.assert_close(first.scores, second.scores, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(first.bboxes, second.bboxes, atol=1e-2, rtol=1e-4)
    assert first.labels.tolist() == second.labels.tolist()
    assert first.label_names == second.label_names


def test_one_chunk_predicts_exactly_what_one_prompt_does(model: Any, inputs: torch.Tensor) -> None:
    whole = predict(model, inputs, NAMES)
    chunked = predict(model, inputs, NAMES, chunked_size=100)
    for first, second in zip(whole, chunked, strict=True):
        same(first, second)


def test_chunks_are_the_best_of_what_each_part_finds_alone_under_the_right_labels(
    model: Any, inputs: torch.Tensor
) -> None:
    together = predict(model, inputs[:1], NAMES, chunked_size=3)[0]
    parts = [predict(model, inputs[:1], NAMES[i : i + 3])[0] for i in (0, 3, 6)]
    expected = sorted(
        (
            (score, 3 * number + label)
            for number, part in enumerate(parts)
            for score, label in zip(part.scores.tolist(), part.labels.tolist(), strict=True)
        ),
        reverse=True,
    )[:40]
    assert together.labels.tolist() == [label for _, label in expected]
    assert together.scores.tolist() == pytest.approx([score for score, _ in expected], abs=1e-5)
    assert together.label_names == [NAMES[label] for label in together.labels.tolist()]
    assert len(set(together.labels.tolist()) & set(range(3, 8))) > 0


def test_the_order_of_the_classes_changes_numbers_and_no_names(
    model: Any, inputs: torch.Tensor
) -> None:
    forth = predict(model, inputs[:1], NAMES, chunked_size=4)[0]
    back = predict(model, inputs[:1], (*NAMES[4:], *NAMES[:4]), chunked_size=4)[0]
    assert forth.label_names == back.label_names
    assert [(label + 4) % 8 for label in forth.labels.tolist()] == back.labels.tolist()


def test_a_batch_is_predicted_as_its_images_are(model: Any, inputs: torch.Tensor) -> None:
    batch = predict(model, inputs, NAMES, chunked_size=3)
    for i, result in enumerate(batch):
        same(result, predict(model, inputs[i : i + 1], NAMES, chunked_size=3)[0])


def test_no_more_boxes_come_back_than_asked_for_best_first(
    model: Any, inputs: torch.Tensor
) -> None:
    for result in predict(model, inputs, NAMES, chunked_size=2, most=17):
        assert len(result) == 17
        assert result.scores.tolist() == sorted(result.scores.tolist(), reverse=True)


def test_what_is_found_with_chunks_is_what_is_found_without(
    model: Any, inputs: torch.Tensor
) -> None:
    whole = predict(model, inputs, NAMES)
    chunked = predict(model, inputs, NAMES, chunked_size=4)
    for first, second in zip(whole, chunked, strict=True):
        assert first.label_names[0] == second.label_names[0]
        torch.testing.assert_close(first.bboxes[0], second.bboxes[0], atol=4, rtol=0)
        assert float(abs(first.scores[0] - second.scores[0])) < 0.2


def test_a_text_is_cut_into_its_classes_as_a_list_is(model: Any, inputs: torch.Tensor) -> None:
    listed = predict(model, inputs[:1], NAMES, chunked_size=3)[0]
    same(listed, predict(model, inputs[:1], ". ".join(NAMES) + ".", chunked_size=3)[0])


def test_images_with_classes_of_their_own_are_each_asked_for_theirs(
    model: Any, inputs: torch.Tensor
) -> None:
    model.test_cfg = model.bbox_head.test_cfg = {"chunked_size": 3, "max_per_img": 40}
    _, samples = demo_batch(model)
    samples[0].set_metainfo({"text": NAMES[:4]})
    samples[1].set_metainfo({"text": NAMES[4:]})
    with torch.no_grad():
        first, second = model.predict(inputs, samples)
    assert set(first.pred_instances.label_names) <= set(NAMES[:4])
    assert set(second.pred_instances.label_names) <= set(NAMES[4:])


def test_a_prompt_ends_where_its_tokens_end_whatever_the_chunked_size(model: Any) -> None:
    model.test_cfg = {"chunked_size": 200}
    names = [f"red thing {i}" for i in range(150)] + ["ab " * 60, "cat"]
    label_tokens, captions, _, entities = model.get_tokens_positive_and_prompts_chunked(names)
    assert [name for part in entities for name in part] == names
    for caption in captions:
        assert len(model.language_model.tokenizer(caption)["input_ids"]) <= 256
    assert all(tokens for part in label_tokens for tokens in part.values())


def test_a_class_without_a_token_never_becomes_nan(model: Any, inputs: torch.Tensor) -> None:
    with pytest.raises(UserError, match=r"no token"):
        predict(model, inputs[:1], ("cat", "(misc)"), chunked_size=3)
    with pytest.raises(UserError, match=r"no token"):
        predict(model, inputs[:1], ("cat", "(misc)"))
    with pytest.raises(UserError, match=r"no token for .* of its phrases"):
        predict(model, inputs[:1], tuple(f"red thing {i}" for i in range(150)))


def test_training_with_classes_that_one_prompt_cuts_off_is_refused(model: Any) -> None:
    names = [f"red thing {i}" for i in range(150)]
    model.check_prompts(names, one_prompt=False)
    with pytest.raises(UserError, match=r"150 classes do not fit .* from 'red thing \d+' on"):
        model.check_prompts(names, one_prompt=True)


def test_a_class_longer_than_any_prompt_is_named(model: Any) -> None:
    with pytest.raises(UserError, match=r"class 'ab ab.*' needs a prompt of 263 tokens"):
        model.check_prompts(["cat", "ab " * 130], one_prompt=False)
