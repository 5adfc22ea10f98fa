from train_teacher.reports.summary import summarize_cost, summarize_run


def val(epoch: int, score: float, **per_class: float) -> dict[str, object]:
    classes = {f"coco/{name}_precision": value for name, value in per_class.items()}
    return {
        "kind": "val",
        "step": epoch,
        "coco/bbox_mAP": score,
        "coco/bbox_mAP_50": score,
        **classes,
    }


def test_before_best_and_last_are_told_apart() -> None:
    records = [val(0, 0.1), {"kind": "train", "step": 10, "loss": 3.0}, val(1, 0.5), val(2, 0.4)]
    summary = summarize_run(records, ["cat"])
    assert summary.before is not None
    assert summary.before.map == 0.1
    assert summary.best is not None
    assert summary.best.epoch == 1
    assert summary.last is not None
    assert summary.last.epoch == 2


def test_base_weights_can_be_the_best() -> None:
    best = summarize_run([val(0, 0.6), val(1, 0.5)], []).best
    assert best is not None
    assert best.epoch == 0


def test_a_validation_without_any_detection_counts_as_zero() -> None:
    last = summarize_run([{"kind": "val", "step": 1}], []).last
    assert last is not None
    assert last.map == 0.0


def test_scores_come_by_class() -> None:
    last = summarize_run([val(1, 0.5, cat=0.7)], ["cat", "dog"]).last
    assert last is not None
    assert last.per_class == {"cat": 0.7}


def test_a_run_without_validation_has_no_scores() -> None:
    assert summarize_run([], []).best is None


def test_the_time_of_a_run_is_that_of_all_its_starts() -> None:
    records = [
        {"kind": "train", "step": 10, "loss": 3.0, "elapsed": 1800.0},
        {"kind": "val", "step": 1, "elapsed": 1898.3},
    ]
    assert summarize_cost(records, 12).total_seconds == 1898.3


def test_the_last_start_of_a_run_whose_first_one_told_no_time_is_not_taken_for_all() -> None:
    earlier = {"kind": "train", "step": 3}
    later = {"kind": "train", "step": 6, "elapsed": 2.3}
    assert summarize_cost([earlier, later]).total_seconds is None
    assert summarize_cost([earlier], seconds=60.0).total_seconds == 60.0


def test_scores_logged_by_what_the_model_reads_are_told_by_the_names_of_the_classes() -> None:
    summary = summarize_run([val(1, 0.5, **{"masked animal": 0.7})], ["masked animal"], ["raccoon"])
    assert summary.best is not None
    assert summary.best.per_class == {"raccoon": 0.7}
