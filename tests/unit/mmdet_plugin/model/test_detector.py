import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from demo_model import DEMO_BASE, build_model, demo_batch, make_settings
from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.checkpoints.base import read_state_dict
from train_teacher.mmdet_plugin.reporting.freeze_proof import parameter_digests
from train_teacher.mmdet_plugin.reporting.hooks import freeze_table

FROZEN = ("backbone.", "language_model.")


def train_steps(model: torch.nn.Module, steps: int = 3) -> list[float]:
    torch.manual_seed(0)
    inputs, samples = demo_batch(model)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3)
    losses = []
    model.train()
    for _ in range(steps):
        parts = model.loss(inputs, samples)
        loss = sum(v for k, v in parts.items() if "loss" in k)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


@pytest.fixture
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return build_model(make_settings(weights=str(DEMO_BASE)))


def test_frozen_tensors_stay_bit_identical_while_the_rest_learns(model: torch.nn.Module) -> None:
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    losses = train_steps(model, steps=8)
    assert min(losses[-3:]) < losses[0]
    for name, parameter in model.named_parameters():
        if name.startswith(FROZEN):
            assert torch.equal(parameter, before[name]), name
            assert parameter.grad is None, name
            assert not parameter.requires_grad, name
    moved = [n for n, p in model.named_parameters() if not torch.equal(p, before[n])]
    assert any(name.startswith("decoder") for name in moved)
    assert any(name.startswith("neck") for name in moved)


def test_every_trainable_parameter_gets_a_gradient(model: torch.nn.Module) -> None:
    train_steps(model, steps=1)
    without = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []


def test_a_batch_without_any_box_reaches_every_trainable_parameter_too(
    model: torch.nn.Module,
) -> None:
    model.train()
    inputs, samples = demo_batch(model, boxes=0)
    losses = model.loss(inputs, samples)
    sum(v for k, v in losses.items() if "loss" in k).backward()
    assert model.dn_query_generator.label_embedding.weight.grad is not None


def test_train_mode_leaves_frozen_parts_in_evaluation_mode(model: torch.nn.Module) -> None:
    assert model.train() is model
    assert not any(m.training for m in model.backbone.modules())
    assert not any(m.training for m in model.language_model.modules())
    assert model.decoder.training


def test_the_digests_notice_one_changed_bit(model: torch.nn.Module) -> None:
    before = parameter_digests(model, trainable=False)
    weight = next(model.backbone.parameters())
    weight.data.view(torch.int32).view(-1)[0] ^= 1
    after = parameter_digests(model, trainable=False)
    assert sum(before[name] != after[name] for name in before) == 1
    assert all(name.startswith(FROZEN) for name in before)


def test_the_table_says_what_is_frozen(model: torch.nn.Module) -> None:
    lines = {line.split()[0]: line for line in str(freeze_table(model)).splitlines()}
    assert lines["backbone"].endswith("frozen")
    assert lines["decoder"].endswith("trainable")
    total = sum(p.numel() for p in model.parameters())
    assert f"{total:,}" in lines["total"]


def one_step(model: Any, optimizer: torch.optim.Optimizer) -> None:
    losses = model.loss(*demo_batch(model))
    optimizer.zero_grad()
    sum(v for k, v in losses.items() if "loss" in k).backward()
    optimizer.step()


def test_parts_that_wait_are_in_the_optimizer_and_out_of_reach_of_weight_decay() -> None:
    model = build_model(make_settings(weights=str(DEMO_BASE), tune="full", unfreeze_at=3, epochs=9))
    parts = ("backbone.", "encoder.")
    with model.all_joined():
        parameters = [p for p in model.parameters() if p.requires_grad]
    assert len(parameters) == len(list(model.parameters()))
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.5)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    model.train()
    assert not model.encoder.training
    assert not model.backbone.training
    one_step(model, optimizer)
    still = {n for n, p in model.named_parameters() if torch.equal(p, before[n])}
    assert still == {n for n in before if n.startswith(parts)}
    assert len(optimizer.state) == len(before) - len(still)

    model.join()
    assert model.encoder.training
    assert model.backbone.training
    assert not model.waiting_parameters
    one_step(model, optimizer)
    moved = [n for n in still if not torch.equal(model.get_parameter(n), before[n])]
    assert len(moved) == len(still)
    assert len(optimizer.state) == len(before)


def test_an_unknown_part_is_refused_with_the_parts_there_are(model: torch.nn.Module) -> None:
    with pytest.raises(UserError, match=r"has no such part. Parts: .*decoder"):
        model._part("decodr")


def test_a_base_checkpoint_is_loaded_and_kept_by_init_weights(
    model: torch.nn.Module, tmp_path: Path
) -> None:
    path = tmp_path / "base.pth"
    torch.save({"state_dict": model.state_dict()}, path)
    loaded = build_model(make_settings(weights=str(path)))
    loaded.init_weights()
    for name, parameter in loaded.named_parameters():
        assert torch.equal(parameter, model.get_parameter(name)), name


def test_a_checkpoint_of_another_model_names_the_parts_that_differ(
    model: torch.nn.Module, tmp_path: Path
) -> None:
    weights = {k: v for k, v in model.state_dict().items() if not k.startswith("decoder.")}
    weights["text_feat_map.weight"] = torch.zeros(2, 2)
    path = tmp_path / "other.pth"
    weights["extra.weight"] = torch.zeros(1)
    torch.save({"state_dict": weights}, path)
    with pytest.raises(UserError, match="does not fit the model") as caught:
        build_model(make_settings(weights=str(path)))
    lines = {line.split("  ")[1]: line for line in str(caught.value).splitlines() if "  " in line}
    assert "decoder (" in lines["missing"]
    assert "text_feat_map (1)" in lines["other shape"]
    assert "file (2, 2)" in lines["other shape"]
    assert "extra (1)" in lines["unexpected"]


def test_the_weights_of_a_run_are_told_apart_from_base_weights(
    model: torch.nn.Module, tmp_path: Path
) -> None:
    trained = {k: v for k, v in model.state_dict().items() if not k.startswith(FROZEN)}
    torch.save({"state_dict": trained}, tmp_path / "best.pth")
    with pytest.raises(UserError, match="hold only what was trained"):
        build_model(make_settings(weights=str(tmp_path / "best.pth")))


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04cut"])
def test_a_damaged_checkpoint_is_one_message(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"bad\.pth"):
        build_model(make_settings(weights=str(path)))


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.made,)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_that_would_run_code_is_refused_until_its_tensors_are_taken_out_knowingly(
    tmp_path: Path, zipped: bool
) -> None:
    path, made = tmp_path / "from a stranger.pth", tmp_path / "ran"
    content = {"state_dict": {"level_embed": torch.zeros(3, 256)}, "trap": Trap(made)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match="could run code") as refusal:
        build_model(make_settings(weights=str(path)))
    assert not made.exists()
    line = next(x for x in str(refusal.value).splitlines() if x.startswith("  python -c"))
    command = [sys.executable, *shlex.split(line)[1:]]
    subprocess.run(command, check=True, cwd=tmp_path, timeout=120)
    assert set(read_state_dict(tmp_path / "plain.pth")) == {"level_embed"}


def test_frozen_random_language_weights_are_refused() -> None:
    with pytest.raises(UserError, match="has no weights"):
        build_model(make_settings(weights="none"))
