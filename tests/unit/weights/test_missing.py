"""Downloads are named first, with their size, the same in every command."""

from __future__ import annotations

import socket
from pathlib import Path

import msgspec
import pytest

from demo_model import make_settings
from generated_data import make_images
from train_teacher.core.errors import UserError
from train_teacher.doctor import look
from train_teacher.doctor.facts import TrainingStack
from train_teacher.doctor.package_checks import check_environment
from train_teacher.settings.read import preset_settings
from train_teacher.settings.yaml_files import read_preset
from train_teacher.training.plan import plan_training
from train_teacher.weights.files import checkpoint_name
from train_teacher.weights.missing import SIZES, missing_files

LLMDET = ("llmdet-swin-t", "llmdet-swin-b", "llmdet-swin-l")
PUBLISHED = (
    "swin-t",
    "swin-b",
    "swin-l",
    "grounding-dino-swin-t",
    "grounding-dino-swin-b",
    *LLMDET,
)


@pytest.fixture(autouse=True)
def empty_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRAIN_TEACHER_CACHE", "HF_HUB_CACHE", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.mark.parametrize("preset", PUBLISHED)
def test_each_published_checkpoint_has_its_size_told(preset: str) -> None:
    weights, vocabulary = missing_files(preset_settings(preset, {}))
    assert weights.size
    server = "huggingface.co" if preset in LLMDET else "download.openmmlab.com"
    assert f"(about {weights.size // 10**6:,} MB, from {server})" in str(weights)
    assert str(vocabulary) == (
        "the vocabulary of bert-base-uncased (about 1 MB, from huggingface.co)"
    )


def test_the_sizes_are_of_files_that_presets_name() -> None:
    named = {checkpoint_name(str(read_preset(preset).values["checkpoint"])) for preset in PUBLISHED}
    assert set(msgspec.yaml.decode(SIZES.read_bytes(), type=dict[str, int])) == named


def test_a_machine_that_has_everything_misses_nothing() -> None:
    assert missing_files(make_settings()) == ()


def unanswered() -> str:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


def test_training_and_doctor_agree_on_what_is_missing_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = unanswered()
    monkeypatch.setenv("HF_ENDPOINT", address)
    preset = tmp_path / "mine.yaml"
    preset.write_text(f"extends: swin-t\ncheckpoint: {address}/base.pth\n")
    data = make_images(tmp_path / "data", images=12, seed=2, classes=("red star", "blue ring"))
    values = {"data": str(data), "output": str(tmp_path / "run")}
    settings = preset_settings(str(preset), {**values, "model": str(preset)})

    with pytest.raises(UserError) as caught:
        plan_training(settings)
    message = str(caught.value)
    monkeypatch.setattr(look, "_training_stack", TrainingStack)
    environment = look.look_at_environment(str(preset), tmp_path)
    findings = {f.code: f for f in check_environment(environment) if f.severity == "error"}

    assert message.startswith("not on this machine, and training cannot start without:\n")
    assert "  the base weights base.pth (size not known, from 127.0.0.1)\n" in message
    assert "  the vocabulary of bert-base-uncased (about 1 MB" in message
    assert "They cannot be downloaded: 127.0.0.1 cannot be reached (ConnectionError)." in message
    assert f"teacher fetch {preset} --to mine-files" in message
    assert {"no-base-weights", "no-language-model"} <= findings.keys()
    for code in ("no-base-weights", "no-language-model"):
        assert "127.0.0.1 cannot be reached (ConnectionError)" in findings[code].consequence


def test_who_misses_nothing_is_not_asked_for_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(address: str) -> str:
        raise AssertionError(address)

    monkeypatch.setattr(look, "_training_stack", TrainingStack)
    monkeypatch.setattr(look, "why_unreachable", ask)
    said: list[str] = []
    environment = look.look_at_environment(
        "demo", tmp_path, progress=lambda _share, what: said.append(what)
    )
    assert environment.offline is None
    assert len(said) > 1
