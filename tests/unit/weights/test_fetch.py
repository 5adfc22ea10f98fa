"""Files of a fetched preset for the commands that need it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from demo_model import DEMO_BASE
from train_teacher.core.errors import UserError
from train_teacher.weights.command import render_fetched
from train_teacher.weights.fetch import MANIFEST, fetch


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAIN_TEACHER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_the_manifest_of_a_folder_holds_no_place_of_this_machine(tmp_path: Path) -> None:
    fetch("demo", tmp_path / "offline")
    text = (tmp_path / "offline" / MANIFEST).read_text()
    assert str(tmp_path) not in text
    entry = json.loads(text)["demo"]
    assert entry["weights"] == DEMO_BASE.name
    assert entry["sha256"] == hashlib.sha256(DEMO_BASE.read_bytes()).hexdigest()
    assert entry["bytes"] == DEMO_BASE.stat().st_size


def test_a_second_preset_is_added_to_the_manifest(tmp_path: Path) -> None:
    fetch("demo", tmp_path)
    own = tmp_path / "own.yaml"
    preset = DEMO_BASE.parent.parent / "demo.yaml"
    text = preset.read_text().replace("demo/", f"{DEMO_BASE.parent}/")
    own.write_text(text)
    fetch(str(own), tmp_path)
    assert set(json.loads((tmp_path / MANIFEST).read_text())) == {"demo", str(own)}


def test_what_ships_with_the_package_needs_no_flags() -> None:
    shown = render_fetched(fetch("demo"))
    assert shown.endswith("train-teacher --data DATA.json --output RUN --model demo")


@pytest.mark.parametrize("content", ["not JSON", "[]"])
def test_a_foreign_file_in_the_place_of_the_manifest_is_kept(tmp_path: Path, content: str) -> None:
    (tmp_path / MANIFEST).write_text(content)
    with pytest.raises(UserError, match="is not the list"):
        fetch("demo", tmp_path)
    assert (tmp_path / MANIFEST).read_text() == content


def test_a_preset_that_names_no_language_model_has_the_default_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(
        "train_teacher.weights.fetch.fetch_language_model",
        lambda name, folder: asked.append(name) or folder,
    )
    own = tmp_path / "own.yaml"
    own.write_text("extends: null\nepochs: 1\n")
    fetch(str(own), tmp_path)
    assert asked == ["bert-base-uncased"]


def test_a_model_of_the_hub_is_fetched_by_name_and_its_hash_is_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def arrived(source: str, folder: Path, **_options: object) -> Path:
        (folder / "lab--small.safetensors").write_bytes(b"weights")
        return folder / "lab--small.safetensors"

    def language_model(name: str, folder: Path) -> Path:
        folder.mkdir()
        return folder

    monkeypatch.setattr("train_teacher.weights.fetch.fetch_weights", arrived)
    monkeypatch.setattr("train_teacher.weights.fetch.fetch_language_model", language_model)
    result = fetch("hf://lab/small", tmp_path / "to")
    entry = json.loads((tmp_path / "to" / MANIFEST).read_text())["hf://lab/small"]
    assert entry["sha256"] == hashlib.sha256(b"weights").hexdigest()
    assert entry["source"].endswith("/lab/small/resolve/main/model.safetensors")
    shown = render_fetched(result)
    assert f"--weights {tmp_path / 'to'}" in shown
    assert "--model" not in shown.splitlines()[-1]
