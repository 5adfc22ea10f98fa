"""The report of a run shows its facts, and nothing that a name smuggles in."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from demo_model import make_info
from train_teacher.domain.detection_analysis import (
    Confusion,
    DetectionAnalysis,
    PictureResult,
    PrecisionRecall,
)
from train_teacher.domain.report_page import RunPicture, render_report
from train_teacher.domain.run_report import RunReport, build_report, freeze_lines
from train_teacher.domain.run_summary import summarize_cost, summarize_run

EVIL = "<script>alert(1)</script>"
NAMES = ("red circle", EVIL)
RECORDS: list[dict[str, Any]] = [
    {"kind": "val", "step": 0, "coco/bbox_mAP": 0.1, "coco/red circle_precision": 0.1},
    {"kind": "train", "step": 10, "loss": 9.0, "lr": 1e-4, "time": 0.5, "data_time": 0.1},
    {"kind": "train", "step": 20, "loss": 5.0, "lr": 1e-5, "time": 0.5, "data_time": 0.1},
    {
        "kind": "val",
        "step": 1,
        "coco/bbox_mAP": 0.4,
        "coco/bbox_mAP_s": 0.2,
        "coco/bbox_mAP_l": -1.0,
        "coco/red circle_precision": 0.4,
        f"coco/{EVIL}_precision": 0.2,
    },
]


def report_of(**changes: Any) -> RunReport:
    analysis = DetectionAnalysis(
        threshold=0.4,
        classes=(
            PrecisionRecall("red circle", 15, 0.7, 0.9, tuple([1.0] * 101), 0.4, 0.8),
            PrecisionRecall(EVIL, 0, None, None),
        ),
        confusions=(Confusion("red circle", EVIL, 3),),
        missed=(2, 0),
        background=(1, 0),
        pictures=(PictureResult(1, 1, 1, 0),),
    )
    facts: dict[str, Any] = {
        "name": "exp1",
        "version": "1",
        "command": "train-teacher --config exp1/settings.yaml --output FOLDER",
        "cost": summarize_cost(RECORDS, 20, 75.0),
        "files": {"checkpoints/best.pth": 12_000_000},
        "freeze_table": "part  parameters  state",
        **changes,
    }
    return build_report(
        make_info(NAMES),
        summarize_run(RECORDS, NAMES),
        before=analysis,
        best=analysis,
        settings={"model": EVIL, "tune": "frozen", "data": EVIL, "epochs": 1, "lr": 1e-4},
        **facts,
    )


def test_the_page_shows_scores_classes_curves_and_how_to_repeat_the_run() -> None:
    html = render_report(report_of(), RECORDS)
    for text in ("0.100", "0.400", "+0.300", "red circle", "--config exp1/settings.yaml"):
        assert text in html
    for title in ("Validation", "Loss", "Learning rate", "Seconds of a step", "Confusions"):
        assert f"{title}</h" in html
    assert "GPU memory (MiB)" not in html
    assert "1 min 15 s" in html
    assert "12.0 MB" in html


def test_a_size_without_objects_is_left_out() -> None:
    html = render_report(report_of(), RECORDS)
    assert "small (under 32 x 32 pixels)" in html
    assert "large (over" not in html


def test_every_name_is_escaped_and_nothing_is_loaded_from_elsewhere() -> None:
    picture = RunPicture("data:image/jpeg;base64,AA==", EVIL, EVIL)
    html = render_report(report_of(name=EVIL, environment={EVIL: EVIL}), RECORDS, [picture])
    assert "<script" not in html
    assert not re.search(r"""(src|href)=["'](?!data:)""", html)


def test_a_run_without_a_validation_still_has_a_page() -> None:
    html = render_report(
        build_report(
            make_info(NAMES),
            summarize_run([], NAMES),
            before=None,
            best=None,
            settings={"model": "demo", "tune": "lora", "data": "d.json"},
            name="exp1",
            version="1",
            command="-",
            cost=summarize_cost([]),
        ),
        [],
    )
    assert "Nothing was validated" in html


def test_results_json_can_be_read_back() -> None:
    report = report_of()
    assert msgspec.json.decode(msgspec.json.encode(report), type=RunReport) == report


def test_the_last_freeze_table_and_proof_are_taken_from_the_log() -> None:
    log = "\n".join(
        [
            "2026 - mmengine - INFO - part  parameters  state",
            "backbone  1  frozen",
            "total  1  0 trainable",
            "2026 - mmengine - INFO - proof: all 1 frozen tensors are bit-identical",
        ]
    )
    assert freeze_lines(log).splitlines()[-1].startswith("proof: all 1")
    assert freeze_lines("nothing") == ""
