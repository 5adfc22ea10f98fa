"""Files of MMEngine's own Runner, under the names of a run folder."""

from __future__ import annotations

import json
from pathlib import Path

from train_teacher.engine.upstream_files import adopt_upstream_files
from train_teacher.runs.folder import RunFolder


def left_by_mmengine(root: Path) -> None:
    log = root / "20260101_120000"
    (log / "vis_data").mkdir(parents=True)
    (log / "20260101_120000.log").write_text("Epoch(train) [1][5/5]\n")
    lines = [{"lr": 1e-4, "loss": 2.5, "time": 0.5, "step": 5}, {"coco/bbox_mAP": 0.25, "step": 1}]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (log / "vis_data" / "scalars.json").write_text(text)
    (root / "20260101_120000.py").write_text("model = dict()\n")
    (root / "last_checkpoint").write_text("epoch_1.pth")


def test_scores_log_and_checkpoints_get_their_names(tmp_path: Path) -> None:
    left_by_mmengine(tmp_path)
    (tmp_path / "epoch_1.pth").write_bytes(b"last")
    (tmp_path / "best_coco_bbox_mAP_epoch_1.pth").write_bytes(b"best")
    folder = RunFolder(tmp_path)
    adopt_upstream_files(folder)
    train, val = folder.read_metrics()
    assert (train["kind"], train["step"], train["loss"]) == ("train", 5, 2.5)
    assert (val["kind"], val["step"], val["coco/bbox_mAP"]) == ("val", 1, 0.25)
    # The clock, the memory and the losses of this process are not those of the training.
    assert not {"elapsed", "process_memory", "loss_since"} & {*train, *val}
    assert folder.log.read_text() == "Epoch(train) [1][5/5]\n"
    assert (folder.checkpoints / "last.pth").read_bytes() == b"last"
    assert (folder.checkpoints / "best.pth").read_bytes() == b"best"
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "checkpoints", "metrics.jsonl", "train.log"
    ]  # fmt: skip


def test_a_run_that_was_stopped_before_its_first_step_leaves_no_metrics(tmp_path: Path) -> None:
    (tmp_path / "20260101_120000").mkdir()
    adopt_upstream_files(RunFolder(tmp_path))
    assert not RunFolder(tmp_path).has_results()
