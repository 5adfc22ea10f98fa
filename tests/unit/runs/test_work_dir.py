"""A folder of MMDetection's tools/train.py: which of its files count, and what must be there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from train_teacher.core.errors import UserError
from train_teacher.core.python_files import allow_python_files
from train_teacher.runs.work_dir import find_work_dir, read_work_dir


@pytest.fixture
def allowed() -> Iterator[None]:
    allow_python_files(True)
    yield
    allow_python_files(False)


def work_dir(root: Path, *checkpoints: str, config: str = "") -> Path:
    """Write a folder whose checkpoints are each a minute newer than the one before."""
    (root / "faster_rcnn.py").write_text(config)
    for minute, name in enumerate(checkpoints):
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.utime(path, (minute * 60, minute * 60))
    return root


@pytest.mark.parametrize(
    ("checkpoints", "used"),
    [
        (("epoch_9.pth", "epoch_10.pth"), "epoch_10.pth"),
        (("best_coco_bbox_mAP_epoch_3.pth", "epoch_4.pth"), "best_coco_bbox_mAP_epoch_3.pth"),
        (("checkpoints/best.pth", "checkpoints/last.pth"), "checkpoints/best.pth"),
        (("iter_500.pth",), "iter_500.pth"),
    ],
)
def test_the_best_checkpoint_is_used_else_the_newest(
    tmp_path: Path, checkpoints: tuple[str, ...], used: str
) -> None:
    found = find_work_dir(work_dir(tmp_path, *checkpoints))
    assert found is not None
    assert found.best_checkpoint() == tmp_path / used
    assert found.config == tmp_path / "faster_rcnn.py"


def test_a_folder_without_config_or_without_weights_is_none(tmp_path: Path) -> None:
    assert find_work_dir(work_dir(tmp_path)) is None
    (tmp_path / "faster_rcnn.py").unlink()
    (tmp_path / "epoch_1.pth").touch()
    assert find_work_dir(tmp_path) is None


def test_its_config_is_not_run_unless_the_user_allows_it(tmp_path: Path) -> None:
    found = find_work_dir(work_dir(tmp_path, "epoch_1.pth", config="raise SystemExit('was run')"))
    assert found is not None
    with pytest.raises(UserError, match="give --allow-python-config"):
        read_work_dir(found)


@pytest.mark.usefixtures("allowed", "mmdet_ready")
def test_data_that_are_no_runs_are_named_with_the_command_that_trains_the_config(
    tmp_path: Path,
) -> None:
    dataset = "dict(dataset=dict(data_root='/gone/data/', ann_file='train.json'))"
    config = (
        f"model = dict(type='GroundingDINO')\ntrain_dataloader = {dataset}\n"
        f"val_dataloader = {dataset}\ntrain_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1)\n"
    )
    found = find_work_dir(work_dir(tmp_path, "epoch_1.pth", config=config))
    assert found is not None
    with pytest.raises(UserError, match="names data in /gone/data, which is not a run's") as told:
        read_work_dir(found)
    assert f"train-teacher --mmdet-config {found.config} --data FILE" in str(told.value)
