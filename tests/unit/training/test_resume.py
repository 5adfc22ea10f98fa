"""Going on with a run: what is left to do, what may have changed, and what was moved."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from demo_model import DEMO_BASE, make_info, make_settings
from train_teacher.core.errors import UsageError, UserError
from train_teacher.core.file_digest import sha256_of
from train_teacher.runs import checkpoints
from train_teacher.runs.checkpoints import FoundCheckpoint
from train_teacher.runs.folder import RunFolder
from train_teacher.runs.record import plain_settings
from train_teacher.settings import yaml_files
from train_teacher.settings.schema import TeacherSettings
from train_teacher.training import resume as use_case
from train_teacher.training.resume import ResumePlan, held_run, plan_resume
from train_teacher.training.run import write_plan

EPOCHS = 3


class Run:
    """A run folder as training leaves it, without any training."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        self.folder = RunFolder(root / "run")
        self.image_folder = root / "images" / "train"
        self.image_folder.mkdir(parents=True)
        (self.image_folder / "a.jpg").touch()
        self.folder.checkpoints.mkdir(parents=True)
        self.folder.data.mkdir()
        last = self.folder.checkpoints / "last.pth"
        last.touch()
        base = {"name": DEMO_BASE.name, "sha256": sha256_of(DEMO_BASE)}
        self.found = FoundCheckpoint(last, EPOCHS, 30, base)
        monkeypatch.setattr(checkpoints, "newest_usable", lambda _: self.found)
        given = {"epochs": EPOCHS, "lr": 1e-4, "weights": str(DEMO_BASE), **settings}
        self.settings = make_settings(**{"device": "cpu", **given})
        self.write(self.settings)

    def write(self, settings: TeacherSettings) -> None:
        info = make_info()
        splits = []
        for split in info.splits:
            path = self.folder.data / f"{split.name}.json"
            content = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": []}
            path.write_text(json.dumps({**content, "categories": []}))
            place = {"path": str(path), "image_dir": str(self.image_folder)}
            splits.append(msgspec.structs.replace(split, **place))
        info = msgspec.structs.replace(info, splits=tuple(splits))
        write_plan(self.folder, settings, info, "the config\n")

    def finish(self, **content: Any) -> None:
        plain = plain_settings(self.settings)
        self.folder.results.write_text(json.dumps({"settings": plain, **content}))

    def at_epoch(self, epoch: int) -> None:
        self.found = FoundCheckpoint(self.found.checkpoint, epoch, 10 * epoch, self.found.base)

    def edit(self, before: str, after: str) -> None:
        text = self.folder.settings.read_text()
        assert before in text
        self.folder.settings.write_text(text.replace(before, after))

    def plan(self, config: Path | None = None, **given: Any) -> ResumePlan:
        cli: Mapping[str, Any] = {"output": str(self.folder.root), **given}
        with held_run(cli) as folder:
            return plan_resume(folder, cli, config)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(tmp_path, monkeypatch)


def test_a_run_killed_before_its_results_were_written_goes_on_to_write_them(run: Run) -> None:
    plan = run.plan()
    assert (plan.found.epoch, plan.epochs) == (EPOCHS, EPOCHS)
    run.finish()
    with pytest.raises(UserError, match="has finished its 3 epochs"):
        run.plan()
    assert run.plan(epochs=EPOCHS + 1).notes == ("epochs: 3 -> 4",)
    with pytest.raises(UserError, match="has done 3 epochs already, more than the 2"):
        run.plan(epochs=2)


def test_results_of_fewer_epochs_are_not_those_of_a_run_that_was_made_longer(run: Run) -> None:
    run.finish()
    run.write(msgspec.structs.replace(run.settings, epochs=EPOCHS + 1))
    run.at_epoch(EPOCHS + 1)
    assert run.plan().epochs == EPOCHS + 1


def test_a_run_that_stopped_early_and_told_of_it_has_finished(run: Run) -> None:
    run.finish()
    run.at_epoch(2)
    with pytest.raises(UserError, match=r"its 2 epochs \(early stopping: 2 of 3\)"):
        run.plan()


def test_a_run_whose_test_split_could_not_be_scored_goes_on_to_score_it(run: Run) -> None:
    run.finish(test=None)
    assert run.plan()
    run.finish(test={})
    with pytest.raises(UserError, match="has finished"):
        run.plan()


def test_a_run_with_lora_is_complete_with_an_adapter_of_its_best_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path, monkeypatch, tune="lora", retain="/other.json")
    card = run.folder.adapter / "teacher.json"
    run.folder.adapter.mkdir()
    card.touch()
    best = run.folder.best_checkpoint()
    run.finish()
    assert run.plan()  # what --retain asks for is not there yet
    run.finish(retained={})
    os.utime(card, (1, 1))
    assert run.plan()
    os.utime(card, ns=(best.stat().st_mtime_ns,) * 2)
    with pytest.raises(UserError, match="has finished"):
        run.plan()


def test_an_edited_config_is_refused_by_name_with_the_command_that_trains_it(run: Run) -> None:
    run.finish()
    assert run.plan(epochs=4)
    run.folder.config.write_text("my config\n")
    with pytest.raises(UserError) as refused:
        run.plan(epochs=4)
    told = str(refused.value)
    assert told.startswith(f"--resume: {run.folder.config} was edited since")
    assert f"train-teacher --mmdet-config {run.folder.config} --output ANOTHER_FOLDER" in told
    # As it says: moved away, the run goes on as it was planned.
    run.folder.config.unlink()
    assert "model = dict(" in run.plan(epochs=4).config_text


def test_results_of_a_run_that_goes_on_are_removed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Training:
        @staticmethod
        def finish(*_: object) -> None:
            assert not run.folder.results.exists()

    monkeypatch.setattr(use_case, "start_training", lambda *_: Training)
    run.finish()
    use_case.resume_training(run.plan(epochs=4))
    assert run.plan(epochs=5)


def test_an_edited_settings_file_is_refused_by_name_unless_the_run_can_go_on_with_it(
    run: Run,
) -> None:
    assert run.plan().notes == ()
    run.edit("epochs: 3", "epochs: 5")
    assert run.plan().notes == ("epochs: 3 -> 5 (edited in settings.yaml)",)
    run.edit("lr: 0.0001", "lr: 0.01")
    batch = run.settings.batch_size
    run.edit(f"batch_size: {batch}\n", "batch_size: 3\n")
    with pytest.raises(UsageError) as refused:
        run.plan(epochs=4)
    told = str(refused.value)
    assert "settings.yaml is not what the run was trained with" in told
    assert "lr (was 0.0001, now 0.01)" in told
    assert f"batch_size (was {batch}, now 3)" in told
    assert "Leave them out" not in told


def test_a_run_of_a_version_without_a_record_goes_on_with_its_settings_file(run: Run) -> None:
    run.folder.record.unlink()
    assert run.plan(epochs=4).notes == ("epochs: 3 -> 4",)
    with pytest.raises(UsageError, match=r"lr \(was 0.0001, now 0.1\)"):
        run.plan(lr=0.1)


def test_a_batch_given_as_a_number_instead_of_auto_is_told_as_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path, monkeypatch, decided={"fit_batch": True})
    with pytest.raises(UsageError, match=r"fit_batch \(was True, now False\). Leave them out"):
        run.plan(batch_size=4)


def test_a_run_of_a_version_with_decisions_among_its_settings_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided = {"chosen": ["lr"], "auto_reasons": {"model": "small data"}, "fit_batch": True}
    run = Run(tmp_path, monkeypatch, decided=decided)
    values = plain_settings(run.settings)
    del values["decided"]
    earlier = {**values, **decided}
    record = json.loads(run.folder.record.read_text())
    record["settings"] = earlier
    run.folder.record.write_text(json.dumps(record))
    run.folder.settings.write_text(
        yaml_files.render_settings({"extends": None, **earlier}, "earlier")
    )
    assert run.plan(epochs=4).notes == ("epochs: 3 -> 4",)
    with pytest.raises(UsageError, match=r"fit_batch \(was True, now False\)"):
        run.plan(batch_size=4)


def test_a_run_whose_epochs_were_several_passes_is_not_gone_on_with(run: Run) -> None:
    record = json.loads(run.folder.record.read_text())
    record["settings"]["rounds"] = 2
    run.folder.record.write_text(json.dumps(record))
    with pytest.raises(UserError, match=r"2 passes over the images.*train-teacher --config"):
        run.plan(epochs=4)


def test_a_number_format_that_was_chosen_for_a_gpu_is_chosen_anew_on_another_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    chosen = {"chosen": ["precision"]}
    run = Run(tmp_path, monkeypatch, device="cuda", precision="bf16", decided=chosen)
    plan = run.plan(device="cpu")
    assert plan.settings.precision == "fp32"
    assert plan.settings.decided.chosen == ["precision"]
    assert set(plan.notes) == {"device: cuda -> cpu", "precision: bf16 -> fp32"}


def test_a_number_format_that_was_given_is_changed_with_the_device_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path, monkeypatch, device="cuda", precision="bf16")
    with pytest.raises(UsageError, match="--precision fp32"):
        run.plan(device="cpu")
    assert run.plan(device="cpu", precision="fp32").settings.precision == "fp32"


def test_a_settings_file_may_hold_what_can_change_and_the_message_says_how(
    run: Run, tmp_path: Path
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("workers: 2\npreflight: false\nsteps: 90\n")
    plan = run.plan(own, epochs=6)
    assert (plan.settings.workers, plan.settings.preflight) == (2, False)
    assert plan.epochs == 6
    own.write_text("workers: 2\nlr: 0.1\nextends: demo\n")
    with pytest.raises(UsageError, match="extends, lr cannot change") as refused:
        run.plan(own)
    assert "in a --config FILE with nothing else in it: evaluate_before, " in str(refused.value)


def test_weights_may_lie_elsewhere_when_they_are_the_same(run: Run, tmp_path: Path) -> None:
    moved = tmp_path / "moved.pth"
    moved.write_bytes(DEMO_BASE.read_bytes())
    plan = run.plan(weights=str(moved))
    assert plan.settings.weights == str(moved)
    assert plan.notes == (f"weights: {DEMO_BASE} -> {moved}",)
    moved.write_bytes(b"others")
    with pytest.raises(UsageError, match="is another file"):
        run.plan(weights=str(moved))
    with pytest.raises(UsageError, match="there is no such file"):
        run.plan(weights="none")


def test_images_may_lie_elsewhere_when_all_are_there(run: Run, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "train"
    moved.parent.mkdir()
    run.image_folder.rename(moved)
    for given in (moved, moved.parent):
        plan = run.plan(images=str(given))
        assert plan.settings.images == str(given)
        assert {split.image_dir for split in plan.dataset_info.splits} == {str(moved)}
    (moved / "a.jpg").unlink()
    with pytest.raises(UserError, match=r"1 of 1 images of the run are not in .*\(a.jpg\)"):
        run.plan(images=str(moved))
    with pytest.raises(UserError, match="there is no such folder"):
        run.plan(images=str(tmp_path / "nowhere"))


def test_a_run_folder_may_be_moved(run: Run, tmp_path: Path) -> None:
    moved = tmp_path / "other name"
    run.folder.root.rename(moved)
    with held_run({"output": str(moved)}) as folder:
        plan = plan_resume(folder, {"output": str(moved)})
    assert plan.dataset_info.splits[0].path == str(moved / "data" / "train.json")


def test_what_was_half_written_when_the_run_was_killed_is_removed(run: Run) -> None:
    left = run.folder.checkpoints / ".best.pth.partial"
    left.touch()
    run.plan()
    assert not left.exists()


def test_a_config_that_a_killed_resume_wrote_is_not_taken_for_an_edited_one(run: Run) -> None:
    run.folder.config.write_text(run.plan(epochs=EPOCHS + 1).config_text)
    assert run.plan(epochs=EPOCHS + 1).notes == ("epochs: 3 -> 4",)
    with pytest.raises(UserError, match="was edited"):
        run.plan(epochs=EPOCHS + 2)


def test_on_a_gpu_equal_losses_are_promised_up_to_rounding_only(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(use_case.machine, "has_gpu", lambda _: True)
    assert "those of an uninterrupted run up to rounding" in run.plan(epochs=4).notes[-1]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metrics.jsonl", b'{"kind": "train", "step": 1}\n{"kind": "tra\n{"step": 2}\n'),
        ("data/val.json", b'{"images": [], "annotations": [{"bbox": [1]}], "categories": []}'),
        ("data/started_with.json", b'{"settings": {"a": "\xb0"}}'),
        ("data/dataset_info.json", b'{"path": "\xb0"}'),
    ],
)
def test_a_damaged_file_that_is_read_after_training_is_named_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes
) -> None:
    run = Run(tmp_path, monkeypatch)
    (run.folder.root / name).write_bytes(content)
    with pytest.raises(UserError, match=Path(name).name):
        run.plan(epochs=9)


def test_facts_without_a_training_split_are_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path, monkeypatch)
    content = json.loads(run.folder.dataset_info.read_text())
    content["splits"] = content["splits"][1:]
    run.folder.dataset_info.write_text(json.dumps(content))
    with pytest.raises(UserError, match="train or val is missing"):
        run.plan(epochs=9)
