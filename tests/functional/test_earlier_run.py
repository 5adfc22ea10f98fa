"""Runs of the version before the source files moved can still be used today."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from commands import run_command
from train_teacher.settings.yaml_files import configs_folder

ARCHIVE = Path(__file__).resolve().parents[1] / "data" / "earlier_run.tar.xz"
TEXTS = frozenset({".json", ".jsonl", ".yaml", ".py", ".md"})


def run(command: str, *arguments: object) -> str:
    """Run a console script and return its stdout."""
    result = run_command(command, *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive, with the paths of this machine."""
    place = tmp_path_factory.mktemp("earlier")
    with tarfile.open(ARCHIVE) as archive:
        # Python 3.10 and 3.11 have filters in their later releases only.
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(place, **safely)
    for path in [p for p in place.rglob("*") if p.suffix in TEXTS]:
        text = path.read_text()
        text = text.replace("@HERE@", str(place)).replace("@CONFIGS@", str(configs_folder()))
        path.write_text(text)
    for name in ("run", "finished"):
        digest = hashlib.sha256((place / name / "mmdet_config.py").read_bytes()).hexdigest()
        record = place / name / "data" / "started_with.json"
        record.write_text(record.read_text().replace("@CONFIG_SHA256@", digest))
    return place


@pytest.fixture(scope="module")
def expected(unpacked: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((unpacked / "expected.json").read_text())
    return content


@pytest.mark.parametrize("teacher", ["run", "bundle"])
def test_it_is_evaluated_with_the_same_scores(
    teacher: str, unpacked: Path, expected: dict[str, Any]
) -> None:
    where = (
        ("--split", "val") if teacher == "run" else ("--data", unpacked / "data/annotations.json")
    )
    text = run("teacher", "evaluate", unpacked / teacher, *where, "--format", "json")
    before = expected["evaluated" if teacher == "run" else "bundle_evaluated"]
    now = json.loads(text)["scores"]
    assert now["average_precision"] == pytest.approx(before["average_precision"], abs=1e-3)
    assert now["average_recall_100"] == pytest.approx(before["average_recall_100"], abs=1e-3)


@pytest.mark.parametrize("teacher", ["run", "bundle"])
def test_it_finds_the_same_boxes(
    teacher: str, unpacked: Path, expected: dict[str, Any], tmp_path: Path
) -> None:
    output = tmp_path / "found.json"
    images = unpacked / "data" / "images"
    run(
        *("teacher", "predict", unpacked / teacher, images, "--output", output),
        *("--score-threshold", 0.05, "--device", "cpu"),
    )
    found = json.loads(output.read_text())["annotations"]
    assert len(found) == len(expected["predicted"])
    for now, before in zip(found, expected["predicted"], strict=True):
        assert now["image_id"] == before["image_id"]
        assert now["category_id"] == before["category_id"]
        assert now["bbox"] == pytest.approx(before["bbox"], abs=0.02)
        assert now["score"] == pytest.approx(before["score"], abs=2e-4)


def test_it_is_exported_to_the_same_tensors(unpacked: Path, tmp_path: Path) -> None:
    run("teacher", "export", unpacked / "run", "--output", tmp_path / "bundle")
    now = load_file(tmp_path / "bundle" / "adapter_model.safetensors")
    before = load_file(unpacked / "bundle" / "adapter_model.safetensors")
    assert now.keys() == before.keys()
    assert all((now[name] == before[name]).all() for name in before)


def test_it_is_resumed_with_the_same_losses(unpacked: Path, expected: dict[str, Any]) -> None:
    output = unpacked / "resumed"
    shutil.copytree(unpacked / "run", output)
    for name in ("settings.yaml", "mmdet_config.py", "data/started_with.json"):
        text = (output / name).read_text()
        (output / name).write_text(text.replace(str(unpacked / "run"), str(output)))
    digest = hashlib.sha256((output / "mmdet_config.py").read_bytes()).hexdigest()
    record = json.loads((output / "data/started_with.json").read_text())
    (output / "data/started_with.json").write_text(json.dumps({**record, "config_sha256": digest}))

    run("train-teacher", "--output", output, "--resume")

    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    losses = {str(line["step"]): line["loss"] for line in lines if line["kind"] == "train"}
    assert losses == pytest.approx(expected["losses"], rel=1e-3)


def test_its_results_are_compared(unpacked: Path) -> None:
    text = run("teacher", "compare", unpacked / "finished", unpacked / "finished")
    assert "box mAP best         0.153" in text
