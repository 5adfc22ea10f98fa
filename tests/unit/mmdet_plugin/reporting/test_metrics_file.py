"""Every logged number reaches metrics.jsonl, and on a CPU the memory too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mmengine.logging import MessageHub

from train_teacher.mmdet_plugin.reporting.metrics_file import (
    FILE_NAME,
    MetricsFileBackend,
    forget_after,
    seconds_so_far,
)


def written(folder: Path, numbers: dict[str, Any]) -> dict[str, Any]:
    backend = MetricsFileBackend(save_dir=str(folder / "vis_data"))
    backend.add_scalars(numbers, step=3)
    record: dict[str, Any] = json.loads((folder / FILE_NAME).read_text().splitlines()[-1])
    return record


def test_without_a_gpu_the_main_memory_of_the_process_is_logged(tmp_path: Path) -> None:
    record = written(tmp_path, {"loss": 1.0})
    assert (record["kind"], record["step"]) == ("train", 3)
    # Python alone takes some MiB, and no test takes a TiB.
    assert 5 < record["process_memory"] < 2**20


def test_the_memory_of_a_gpu_stands_alone_and_a_validation_has_none(tmp_path: Path) -> None:
    assert "process_memory" not in written(tmp_path, {"loss": 1.0, "memory": 700})
    assert "process_memory" not in written(tmp_path, {"coco/bbox_mAP": 0.5})


def test_the_clock_of_a_resumed_run_goes_on_from_that_of_the_start_before(tmp_path: Path) -> None:
    assert 0 <= written(tmp_path, {"loss": 1.0})["elapsed"] < 100
    (tmp_path / FILE_NAME).write_text('{"kind": "train", "step": 90, "elapsed": 1800.0}\n')
    assert 1800 <= written(tmp_path, {"coco/bbox_mAP": 0.5})["elapsed"] < 1900


@pytest.mark.parametrize("last", ["", '{"kind": "tra', '{"kind": "val", "step": 1}'])
def test_a_line_without_a_time_starts_the_clock_anew(tmp_path: Path, last: str) -> None:
    (tmp_path / FILE_NAME).write_text(f"{last}\n")
    assert seconds_so_far(tmp_path / FILE_NAME) == 0
    assert seconds_so_far(tmp_path / "nowhere") == 0


def test_the_loss_since_the_line_before_counts_no_batch_twice(tmp_path: Path) -> None:
    hub = MessageHub.get_instance("loss since")
    backend = MetricsFileBackend(save_dir=str(tmp_path / "vis_data"))
    for step, loss in enumerate((9.0, 7.0, 5.0, 3.0, 1.0), 1):
        hub.update_scalar("train/loss", loss)
        if step in (2, 5):
            backend.add_scalars({"loss": 1.0}, step=step)
    lines = map(json.loads, (tmp_path / FILE_NAME).read_text().splitlines())
    assert [line["loss_since"] for line in lines] == [8.0, 3.0]


def test_a_resumed_run_keeps_the_lines_up_to_where_it_goes_on(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    forget_after(path, 4, 1)
    assert not path.exists()
    lines = [
        '{"kind": "train", "step": 4}\n',
        '{"kind": "val", "step": 1}\n',
        '{"kind": "train", "step": 5}\n',
        '{"kind": "val", "step": 2}\n',
        '{"kind": "tra',
    ]
    path.write_text("".join(lines))
    forget_after(path, 4, 1)
    assert path.read_text() == "".join(lines[:2])
