"""The test split is scored by what was found in it, above the score that the validation chose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from demo_model import DEMO_BASE, make_info, make_settings
from train_teacher.core.errors import UserError
from train_teacher.evaluation import final as module
from train_teacher.evaluation.final import score_test_split
from train_teacher.inspection.facts import DatasetInfo
from train_teacher.runs.folder import RunFolder
from train_teacher.scores.detections import Detections

BOX = [10, 10, 40, 40]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """Return a run whose model finds every object, and whose base finds none."""
    folder = RunFolder(tmp_path)
    folder.data.mkdir()
    truth = {
        "images": [{"id": n, "file_name": f"{n}.jpg"} for n in (1, 2)],
        "categories": [{"id": 1, "name": "red circle"}, {"id": 2, "name": "blue square"}],
        "annotations": [
            {"id": n, "image_id": n, "category_id": 1, "bbox": BOX, "area": 1600, "iscrowd": 0}
            for n in (1, 2)
        ],
    }
    (folder.data / "test.json").write_text(json.dumps(truth))
    corners = np.array([[10.0, 10.0, 50.0, 50.0]] * 2)

    def found(model: str, *_: Any) -> Detections:
        shift = 0.0 if model == "best" else 100.0
        scores = np.array([0.9, 0.4])
        return Detections(np.array([1, 2]), np.zeros(2, np.int64), scores, corners + shift)

    def loaded(folder: Any, settings: Any, info: Any, checkpoint: Path | None, device: str) -> str:
        return "best" if checkpoint else "base"

    monkeypatch.setattr(module.teacher_model, "load_run", loaded)
    monkeypatch.setattr(module, "detections_of", found)
    return folder


def info_of(folder: RunFolder) -> DatasetInfo:
    info = make_info()
    splits = (msgspec.structs.replace(s, image_dir=str(folder.root)) for s in info.splits)
    return msgspec.structs.replace(info, splits=tuple(splits))


def test_base_and_best_are_scored_and_counted_above_the_threshold(folder: RunFolder) -> None:
    settings = make_settings(weights=str(DEMO_BASE))
    scores = score_test_split(folder, settings, info_of(folder), "cpu", 0.5)
    assert scores is not None
    assert (scores.num_images, scores.num_objects) == (2, 2)
    assert scores.best.average_precision == pytest.approx(1.0)
    assert scores.before is not None
    assert scores.before.average_precision == 0
    assert scores.chance is not None
    assert scores.chance.low > 0
    assert scores.labels is not None
    assert (scores.labels.missed, scores.labels.false) == (0.5, 0.0)


@pytest.mark.parametrize("given", [{"weights": "none"}, {"evaluate_before": False}])
def test_a_base_that_is_nothing_or_was_not_asked_for_is_not_scored(
    folder: RunFolder, given: dict[str, Any]
) -> None:
    settings = make_settings(**{"weights": str(DEMO_BASE), **given})
    scores = score_test_split(folder, settings, info_of(folder), "cpu", None)
    assert scores is not None
    assert (scores.before, scores.chance) == (None, None)


def test_a_run_without_a_test_split_has_no_scores_and_one_whose_images_are_gone_says_so(
    folder: RunFolder,
) -> None:
    info, settings = make_info(), make_settings()
    with pytest.raises(UserError, match="/images: there is no such folder"):
        score_test_split(folder, settings, info, "cpu", None)
    info = msgspec.structs.replace(info, splits=info.splits[:2])
    assert score_test_split(folder, settings, info, "cpu", None) is None
