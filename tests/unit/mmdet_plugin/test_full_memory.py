"""A batch that does not fit when it is predicted is predicted image by image."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.logging import MessageHub, MMLogger

from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.full_memory import ImageByImage
from train_teacher.mmdet_plugin.loop.train_loop import IMAGES_AT_ONCE, TeacherTrainLoop


@pytest.fixture(autouse=True)
def logger_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    # MMEngine's may write to what another test has closed.
    monkeypatch.setattr(MMLogger, "get_current_instance", lambda: logging.getLogger("test"))


def batch(count: int) -> dict[str, Any]:
    samples = [SimpleNamespace(metainfo={"img_path": f"/data/{n}.jpg"}) for n in range(count)]
    return {"inputs": [torch.tensor(n) for n in range(count)], "data_samples": samples}


def model(most: int, seen: list[int]) -> Any:
    def predict(data: Mapping[str, Any]) -> list[int]:
        seen.append(len(data["inputs"]))
        if len(data["inputs"]) > most:
            raise torch.cuda.OutOfMemoryError
        return [int(number) * 10 for number in data["inputs"]]

    return predict


def test_predictions_are_the_same_and_it_is_not_tried_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: list[int] = []
    spared = ImageByImage()
    assert spared(model(4, seen), batch(4)) == [0, 10, 20, 30]
    assert capsys.readouterr().err == ""
    predict = model(1, seen)
    assert spared(predict, batch(3)) == [0, 10, 20]
    assert spared(predict, batch(2)) == [0, 10]
    assert seen == [4, 3, 1, 1, 1, 1, 1]
    assert capsys.readouterr().err.count("out of memory with 3 images at once") == 1


def test_a_resumed_run_begins_with_the_parts_that_fitted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hub = MessageHub("resumed")
    loop = TeacherTrainLoop.__new__(TeacherTrainLoop)
    loop._runner = SimpleNamespace(message_hub=hub, logger=logging.getLogger("resumed"))
    step: Any = SimpleNamespace(images=None)
    loop.step = step
    loop._spare_memory_as_before()
    assert loop.step.images is None
    hub.update_info(IMAGES_AT_ONCE, 3)
    loop._spare_memory_as_before()
    assert loop.step.images == 3
    assert "going on with 3 images at once" in capsys.readouterr().err


def test_a_single_image_that_does_not_fit_is_named() -> None:
    with pytest.raises(UserError, match=r"/data/0\.jpg: the memory is full.*val_scale"):
        ImageByImage()(model(0, []), batch(2))


def test_another_error_stays_what_it_is() -> None:
    def wrong(_: Any) -> list[int]:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        ImageByImage()(wrong, batch(2))
