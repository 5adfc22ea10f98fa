"""Steps and runs on a pretended GPU, on a machine without one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from memory_table import MIB, cell

from generated_data import make_images
from pretend_gpu.device import compiled, on_gpu, rehearse
from train_teacher.config.expected_memory import memory_table

pytestmark = [
    pytest.mark.skipif(shutil.which("g++") is None, reason="the device needs a C++ compiler"),
    pytest.mark.skipif(torch.version.cuda is not None, reason="this PyTorch has a device itself"),
]
ALLOWED = {
    "a copy to the host at train_teacher/mmdet_plugin/accelerated/matching.py:match": (
        "scipy matches queries and boxes on the host: one copy for all layers and images"
    ),
    "item at mmengine/optim/optimizer/optimizer_wrapper.py:_clip_grad": (
        "the norm of the gradients, for the log and to refuse a bad step"
    ),
}
"""Places where an accelerated step may wait for the device, with reasons."""
OF_MMDETECTION = (" at mmdet/", " at mmcv/", *(place for place in ALLOWED if "mmengine" in place))
"""Its own modules read where they like: hundreds of times with many boxes."""

STEPS: dict[str, dict[str, Any]] = {
    **{
        f"accelerated {tune} {precision}": {"tune": tune, "precision": precision}
        for tune in ("frozen", "lora", "full")
        for precision in ("fp32", "bf16")
    },
    "own frozen bf16": {"tune": "frozen", "precision": "bf16", "accelerated": False},
    "own lora fp32": {"tune": "lora", "precision": "fp32", "accelerated": False},
    "own full bf16": {"tune": "full", "precision": "bf16", "accelerated": False},
    "plain frozen bf16": {"tune": "frozen", "precision": "bf16", "plain": True},
    "plain full fp32": {"tune": "full", "precision": "fp32", "plain": True},
    **{
        fault: {"tune": "frozen", "precision": "bf16", "planted": fault}
        for fault in ("a CPU tensor", "a read", "a wrong autocast")
    },
}
REHEARSED = [name for name in STEPS if "planted" not in STEPS[name]]
SWIN_T = {
    f"{tune}, {layers} layers recomputed": cell("swin-t", tune, "bf16", 1, layers)
    for tune, layers in (("frozen", 0), ("frozen", 6), ("lora", 6))
}

OTHER_WAYS = {
    f"{way} {tune} {form}": {**cell("swin-t", tune, form, 1, 0), "size": (320, 320), **own}
    for way, tune, form, own in (
        ("own", "frozen", "bf16", {"accelerated": False}),
        ("own", "lora", "fp32", {"accelerated": False}),
        ("own", "full", "bf16", {"accelerated": False}),
        ("plain", "plain", "fp32", {}),
        ("accelerated", "full", "fp32", {}),
    )
}
"""Of training full Swin-T."""


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("guard"))


@pytest.fixture(scope="module")
def steps(guard: Path) -> dict[str, dict[str, Any]]:
    return rehearse(guard, STEPS)


@pytest.mark.parametrize("name", REHEARSED)
def test_a_step_has_no_tensor_of_another_device(steps: Any, name: str) -> None:
    assert steps[name]["error"] is None
    assert not steps[name]["mixed"]
    assert all(torch.isfinite(torch.tensor(list(s.values()))).all() for s in steps[name]["losses"])


@pytest.mark.parametrize("name", REHEARSED)
def test_a_step_reads_no_scalar_outside_of_the_allowed_places(steps: Any, name: str) -> None:
    reads = steps[name]["reads"]
    if name.startswith("accelerated"):
        assert reads == dict.fromkeys(ALLOWED, 1)
    else:
        assert not [place for place in reads if not any(part in place for part in OF_MMDETECTION)]


@pytest.mark.parametrize("name", [n for n in REHEARSED if n.startswith("accelerated")])
def test_boxes_and_similarities_of_an_accelerated_step_are_in_32_bits(
    steps: Any, name: str
) -> None:
    assert set(steps[name]["formats"]) == {"boxes torch.float32", "similarities torch.float32"}


@pytest.mark.parametrize("tune", ["frozen", "lora", "full"])
def test_the_first_loss_in_bf16_is_that_in_fp32_within_3_percent(steps: Any, tune: str) -> None:
    wide, narrow = (
        steps[f"accelerated {tune} {precision}"]["losses"][0]["loss"]
        for precision in ("fp32", "bf16")
    )
    assert narrow == pytest.approx(wide, rel=0.03)


def test_a_planted_cpu_tensor_is_found(steps: Any) -> None:
    assert "Expected all tensors to be on the same device" in steps["a CPU tensor"]["error"]
    assert steps["a CPU tensor"]["mixed"]


def test_a_planted_read_is_found(steps: Any) -> None:
    assert set(steps["a read"]["reads"]) - set(ALLOWED) == {
        "item at pretend_gpu/rehearse.py:parse_losses"
    }


def test_a_planted_wrong_autocast_is_found(steps: Any) -> None:
    assert "boxes torch.bfloat16" in steps["a wrong autocast"]["formats"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    return make_images(folder / "data", images=16, seed=5, classes=("red star", "blue ring"))


@pytest.mark.parametrize("way", ["accelerated", "own modules", "plain"])
def test_a_whole_run_ends_on_the_device(guard: Path, data: Path, tmp_path: Path, way: str) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("accelerated: false\n")
    more = {"accelerated": [], "own modules": ["--config", own], "plain": ["--plain"]}[way]
    result = on_gpu(
        guard, "train-teacher", "--data", data, "--output", tmp_path / "run", "--model", "demo",
        "--device", "cuda", "--precision", "bf16", "--batch-size", 4, "--epochs", 1, *more,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    assert "after:  val bbox mAP" in result.stdout
    assert f"modules: {way}" in result.stdout
    if way != "plain":
        assert "\nprobe step: " in result.stderr
        assert "\npreflight: a step and a validation image tried" in result.stderr


@pytest.fixture(scope="module")
def swin_t(guard: Path) -> dict[str, dict[str, Any]]:
    return rehearse(guard, SWIN_T)


@pytest.mark.parametrize("name", SWIN_T)
def test_swin_t_makes_a_step_at_full_size(swin_t: Any, name: str) -> None:
    assert swin_t[name]["error"] is None
    assert not swin_t[name]["mixed"]
    assert set(swin_t[name]["reads"]) == set(ALLOWED)


@pytest.mark.parametrize("name", SWIN_T)
def test_the_memory_table_says_what_a_step_takes(swin_t: Any, name: str) -> None:
    case = swin_t[name]["case"]
    known = memory_table().peaks["swin-t"][case["tune"]][case["recomputed"]][0]
    assert swin_t[name]["peak"] / MIB == pytest.approx(known, rel=0.03)


def test_swin_t_makes_a_step_in_every_other_way(guard: Path) -> None:
    expected = (*OF_MMDETECTION, *ALLOWED)
    for name, found in rehearse(guard, OTHER_WAYS).items():
        assert (found["error"], found["mixed"]) == (None, []), name
        assert not [place for place in found["reads"] if not any(p in place for p in expected)]
