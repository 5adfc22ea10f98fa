"""`train-teacher` as a user runs it: a real process on generated images, the demo model, CPU."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from commands import run_command, start_command
from generated_data import make_images

CLASSES = ("red star", "blue ring")
QUICK = ("--model", "demo", "--device", "cpu", "--batch-size", "4")


def run(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return run_command("train-teacher", *arguments, cwd=cwd)


def run_script(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the console script itself."""
    program = str(Path(sys.executable).parent / "train-teacher")
    command = [program, *(str(argument) for argument in arguments)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_images(tmp_path_factory.mktemp("data"), images=24, seed=5, classes=CLASSES)


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    output = tmp_path_factory.mktemp("runs") / "exp1"
    dry = run("--data", data, "--output", output, *QUICK, "--epochs", 2, "--dry-run")
    absent_after_dry_run = not output.exists()
    result = run_script("--data", data, "--output", output, *QUICK, "--epochs", 2)
    assert result.returncode == 0, result.stderr
    return {
        "output": output,
        "result": result,
        "dry": dry,
        "absent_after_dry_run": absent_after_dry_run,
    }


def test_the_run_folder_holds_what_the_contract_says(finished: dict[str, Any]) -> None:
    output = finished["output"]
    files = {str(p.relative_to(output)) for p in output.rglob("*") if p.is_file()}
    assert files == {
        "mmdet_config.py",
        "settings.yaml",
        "data/train.json",
        "data/val.json",
        "data/test.json",
        "data/inspection.json",
        "data/dataset_info.json",
        "data/started_with.json",
        "data/split.json",
        "data/freeze_table.json",
        "data/val_detections_before.npz",
        "data/val_detections_best.npz",
        "checkpoints/last.pth",
        "checkpoints/best.pth",
        "metrics.jsonl",
        "plots/loss.png",
        "plots/learning_rate.png",
        "plots/validation.png",
        "report.html",
        "results.json",
        "train.log",
    }


def test_scores_before_and_after_are_results_on_stdout(finished: dict[str, Any]) -> None:
    out = finished["result"].stdout
    assert "before: val bbox mAP" in out
    assert "after:  val bbox mAP" in out
    assert "test:   test bbox mAP" in out
    assert str(finished["output"] / "checkpoints" / "best.pth") in out
    assert "Average Precision" not in out


def test_the_report_says_why_a_value_was_chosen(finished: dict[str, Any]) -> None:
    results = json.loads((finished["output"] / "results.json").read_text())
    reasons, sources = results["reasons"], results["sources"]
    assert reasons["class_balance"] == "2 classes: no tail"
    assert (sources["class_balance"], sources["epochs"]) == ("chosen from the data", "you")
    assert (sources["clip_grad"], sources["max_per_img"]) == ("default", "preset")
    page = (finished["output"] / "report.html").read_text()
    assert reasons["class_balance"] in page


def test_freezing_is_shown_and_proved(finished: dict[str, Any]) -> None:
    err = finished["result"].stderr
    assert "bit-identical after training" in err
    assert any(line.split()[0::2] == ["backbone", "frozen"] for line in err.splitlines() if line)
    table = json.loads((finished["output"] / "results.json").read_text())["freeze_table"]
    assert table.splitlines()[-1].startswith("proof: ")
    assert set(table.splitlines()) <= set(err.splitlines())


def test_the_dry_run_prints_exactly_the_config_of_the_run_and_writes_nothing(
    finished: dict[str, Any],
) -> None:
    dry = finished["dry"]
    assert dry.returncode == 0
    assert finished["absent_after_dry_run"]
    assert dry.stdout == (finished["output"] / "mmdet_config.py").read_text()
    assert "\nschedule  2 epochs x " in dry.stderr
    assert "it would stop" not in dry.stderr
    assert len(dry.stderr.splitlines()) <= 20


def test_checkpoints_hold_trainable_tensors_only_and_load_safely(finished: dict[str, Any]) -> None:
    from train_teacher.mmdet_plugin.checkpoints.hook import trust_mmengine_types

    trust_mmengine_types()
    for name in ("last.pth", "best.pth"):
        path = finished["output"] / "checkpoints" / name
        checkpoint = torch.load(path, weights_only=True)
        names = checkpoint["state_dict"]
        assert any(key.startswith("decoder.") for key in names)
        assert not any(key.startswith(("backbone.", "language_model.")) for key in names)
        assert ("optimizer" in checkpoint) == (name == "last.pth")


def test_frozen_tensors_are_not_in_the_optimizer(finished: dict[str, Any]) -> None:
    from train_teacher.mmdet_plugin.checkpoints.hook import trust_mmengine_types

    trust_mmengine_types()
    last = torch.load(finished["output"] / "checkpoints" / "last.pth", weights_only=True)
    optimized = sum(len(group["params"]) for group in last["optimizer"]["param_groups"])
    assert optimized == len(last["state_dict"])


def test_canonical_copies_have_the_same_categories_and_ids_from_one(
    finished: dict[str, Any],
) -> None:
    copies = [
        json.loads((finished["output"] / "data" / f"{name}.json").read_text())
        for name in ("train", "val", "test")
    ]
    assert all(copy["categories"] == copies[0]["categories"] for copy in copies)
    assert [c["name"] for c in copies[0]["categories"]] == list(CLASSES)
    for copy in copies:
        ids = [annotation["id"] for annotation in copy["annotations"]]
        assert ids == list(range(1, len(ids) + 1))
    images = [image["file_name"] for copy in copies for image in copy["images"]]
    assert len(images) == len(set(images)) == 24


def test_the_settings_file_repeats_the_run(finished: dict[str, Any], tmp_path: Path) -> None:
    settings = finished["output"] / "settings.yaml"
    again = run("--config", settings, "--output", tmp_path / "exp2", "--dry-run")
    assert again.returncode == 0, again.stderr
    first = (finished["output"] / "mmdet_config.py").read_text()
    moved = again.stdout.replace(str(tmp_path / "exp2"), str(finished["output"]))
    # The formatter breaks lines by the length of the path, so values are compared, not layout.
    assert assigned_values(moved) == assigned_values(first)


def assigned_values(config_text: str) -> dict[str, str]:
    """Return every top-level assignment of a config file as one normalized expression."""
    return {
        ast.unparse(node.targets[0]): ast.unparse(node.value)
        for node in ast.parse(config_text).body
        if isinstance(node, ast.Assign)
    }


def test_a_plan_says_once_what_several_splits_share(tmp_path: Path) -> None:
    for seed, split in enumerate(("train", "valid", "test")):
        make_images(tmp_path / split, images=4, seed=seed, classes=CLASSES)
        made = tmp_path / split / "annotations.json"
        content = json.loads(made.read_text())
        content["annotations"][0]["id"] = 0
        made.rename(made.with_name("_annotations.coco.json")).write_text(json.dumps(content))
    plan = run("--data", tmp_path, "--output", tmp_path / "exp", *QUICK, "--weights", "none",
               "--tune", "full", "--freeze", "backbone", "--dry-run")  # fmt: skip
    assert plan.returncode == 0, plan.stderr
    warnings = [line for line in plan.stderr.splitlines() if line.startswith("warning")]
    assert sum("R3" in line for line in warnings) == 1
    assert any("R3" in line and "(train, val, test)" in line for line in warnings)
    assert any("backbone frozen at random values" in line for line in warnings)


def test_a_lora_run_leaves_an_adapter_and_says_that_it_learned(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "exp"
    result = run("--data", data, "--output", output, *QUICK, "--tune", "lora", "--lora-rank", 4,
                 "--epochs", 5)  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "LoRA of rank 4, alpha 8" in result.stderr
    assert "all 315 frozen tensors are bit-identical after training" in result.stderr
    assert "all 84 LoRA matrices had a gradient and moved" in result.stderr
    assert f"adapter: {output / 'adapter'}" in result.stdout
    assert {path.name for path in (output / "adapter").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "teacher.json",
    }
    card = json.loads((output / "adapter" / "teacher.json").read_text())
    assert card["class_names"] == list(CLASSES)
    assert card["metrics"]["best"]["map"] >= 0
    assert {path.name for path in (output / "checkpoints").iterdir()} == {"last.pth", "best.pth"}
    assert (output / "checkpoints" / "best.pth").stat().st_size < 4e6


def test_a_used_output_is_refused(finished: dict[str, Any], data: Path) -> None:
    before = (finished["output"] / "metrics.jsonl").read_bytes()
    result = run("--data", data, "--output", finished["output"], *QUICK)
    assert result.returncode == 1
    assert "nothing is overwritten" in result.stderr
    assert (finished["output"] / "metrics.jsonl").read_bytes() == before


def test_an_interrupted_run_ends_cleanly_and_keeps_its_checkpoint(
    data: Path, tmp_path: Path
) -> None:
    output = tmp_path / "exp"
    command = ("--data", data, "--output", output, *QUICK, "--epochs", "60")
    with start_command("train-teacher", *command) as process:
        deadline = time.monotonic() + 200
        while not (output / "checkpoints" / "last.pth").exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        os.kill(process.pid, signal.SIGINT)
        result = process.finished(timeout=60)
    assert result.returncode == 130
    assert "interrupted. Kept in" in result.stderr
    assert "last.pth" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list((output / "checkpoints").glob("*.partial"))


def wrong(tmp_path: Path, data: Path, case: str) -> tuple[list[object], int, str]:
    """Return arguments, exit code and a part of the message for one mistake."""
    text = tmp_path / "notes.json"
    text.write_text('{"images": [')
    empty = tmp_path / "empty.json"
    empty.write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    lost = tmp_path / "lost.json"
    lost.write_text(data.read_text())
    config = tmp_path / "s.yaml"
    config.write_text("epoch: 3\nlr: fast\n")
    other = tmp_path / "other.pth"
    torch.save({"state_dict": {"a": torch.zeros(2)}}, other)
    cases: dict[str, tuple[list[object], int, str]] = {
        "missing file": (["--data", tmp_path / "no.json"], 1, "no.json"),
        "truncated file": (["--data", text], 1, "F1"),
        "nothing to train": (["--data", empty], 1, "empty.json"),
        "no images found": (["--data", lost], 1, "--images"),
        "unknown option": (["--data", data, "--epoch", 3], 2, "--epoch"),
        "unknown key": (["--data", data, "--config", config], 2, "Did you mean 'epochs'?"),
        "unknown preset": (["--data", data, "--model", "dem"], 2, "Did you mean 'demo'?"),
        "unknown config key": (["--data", data, "--set", "model.nekc.x=1"], 2, "model.nekc.x"),
        "unknown class": (["--data", data, "--class-prompt", "dog=a dog"], 2, "no class 'dog'"),
        "bad shares": (["--data", data, "--split", "0.9/0.9"], 2, "sum to 1.8"),
        "bad group rule": (["--data", data, "--group-by", "regex:["], 2, "regular expression"),
        "unknown field": (["--data", data, "--group-by", "field:day"], 2, "'day'"),
        "foreign checkpoint": (["--data", data, "--weights", other], 1, "does not fit the model"),
        "absent checkpoint": (["--data", data, "--weights", tmp_path / "x.pth"], 1, "x.pth"),
        "no language model": (["--data", data, "--language-model", "no-bert"], 1, "no-bert"),
        "rank without lora": (["--data", data, "--lora-rank", 8], 2, "without --tune lora"),
        "bad number": (["--data", data, "--epochs", "many"], 2, "--epochs"),
    }
    return cases[case]


@pytest.mark.parametrize(
    "case",
    [
        "missing file",
        "truncated file",
        "nothing to train",
        "no images found",
        "unknown option",
        "unknown key",
        "unknown preset",
        "unknown config key",
        "unknown class",
        "bad shares",
        "bad group rule",
        "unknown field",
        "foreign checkpoint",
        "absent checkpoint",
        "no language model",
        "rank without lora",
        "bad number",
    ],
)
def test_a_mistake_is_one_message_and_nothing_is_written(
    tmp_path: Path, data: Path, case: str
) -> None:
    arguments, code, message = wrong(tmp_path, data, case)
    output = tmp_path / "exp"
    model = [] if "--model" in arguments else ["--model", "demo"]
    result = run(*arguments, "--output", output, "--device", "cpu", *model)
    assert result.returncode == code, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert not output.exists()


def test_after_a_failure_before_the_first_step_the_same_command_can_be_repeated(
    data: Path, tmp_path: Path
) -> None:
    output = tmp_path / "exp1"
    wrong = ("--set", "model.neck.type=ChannelMaper")
    result = run("--data", data, "--output", output, *QUICK, *wrong)
    assert result.returncode == 2, result.stderr
    assert "'ChannelMaper' is no class that MMDetection" in result.stderr
    assert not output.exists()
