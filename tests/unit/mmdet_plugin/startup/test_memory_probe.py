from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from demo_model import DEMO_BASE, build_config, build_model, make_settings
from train_teacher.core.errors import UserError

importlib.import_module("train_teacher.mmdet_plugin")

from train_teacher.mmdet_plugin.startup import hook  # noqa: E402
from train_teacher.mmdet_plugin.startup.hook import ProbeHook, split_batch  # noqa: E402
from train_teacher.mmdet_plugin.startup.memory_probe import (  # noqa: E402
    Choice,
    choose,
    crowded_batch,
    usable_bytes,
)

GIB = 2**30


class Memory:
    """A GPU on which an image takes 3 GiB, a third of that with all layers recomputed."""

    def __init__(self, runs_out_at: float = 1e9) -> None:
        self.asked: list[tuple[int, int]] = []
        self._runs_out_at = runs_out_at

    def __call__(self, layers: int, images: int) -> int | None:
        self.asked.append((layers, images))
        needed = images * 3 * (1 - layers / 9) + 1
        return None if needed > self._runs_out_at else int(needed * GIB)


def test_nothing_is_recomputed_when_everything_fits() -> None:
    measure = Memory()
    choice = choose(measure, 14 * GIB, 4, (0, 3, 6), fit_batch=False)
    assert (choice.layers, choice.images, choice.peak) == (0, 4, 13 * GIB)
    assert measure.asked == [(0, 4)]


def test_as_few_layers_as_possible_are_recomputed_for_a_given_batch() -> None:
    assert choose(Memory(), 10 * GIB, 4, (0, 3, 6), fit_batch=False).layers == 3
    assert choose(Memory(runs_out_at=8), 8 * GIB, 4, (0, 3, 6), fit_batch=False).layers == 6


def test_a_batch_that_may_be_split_is_split_before_anything_is_recomputed() -> None:
    choice = choose(Memory(), 5 * GIB, 6, (0, 3, 6), fit_batch=True)
    assert (choice.layers, choice.images) == (0, 1)
    assert choose(Memory(), 8 * GIB, 6, (0, 3, 6), fit_batch=True).images == 2


def test_what_does_not_fit_is_refused_with_a_cure() -> None:
    with pytest.raises(UserError, match=r"4 images needs at least 5\.0 GiB.*--batch-size auto"):
        choose(Memory(), 2 * GIB, 4, (0, 3, 6), fit_batch=False)
    with pytest.raises(UserError, match=r"1 images needs more than there is.*train_scales"):
        choose(Memory(runs_out_at=0), 2 * GIB, 4, (0, 3, 6), fit_batch=True)


def test_a_tuning_mode_that_takes_no_less_is_no_cure() -> None:
    with pytest.raises(UserError) as caught:
        choose(Memory(runs_out_at=0), 2 * GIB, 4, (0, 3, 6), fit_batch=True)
    assert "--tune frozen" not in str(caught.value)
    assert "--tune lora" not in str(caught.value)


def test_a_split_batch_keeps_its_steps_and_its_warm_up() -> None:
    config = build_config(make_settings(steps=200))
    runner = SimpleNamespace(
        _train_dataloader=config.train_dataloader,
        optim_wrapper=config.optim_wrapper,
        param_schedulers=config.param_scheduler,
    )
    warm_up = config.param_scheduler[0]["end"]
    decay = config.param_scheduler[1]["end"]
    split_batch(runner, 8)
    assert "accumulative_counts" not in runner.optim_wrapper
    split_batch(runner, 2)
    assert config.train_dataloader["batch_size"] == 2
    assert config.optim_wrapper["accumulative_counts"] == 4
    assert config.param_scheduler[0]["end"] == 4 * warm_up
    assert config.param_scheduler[1]["end"] == decay


def test_the_probe_batch_trains_like_any_other() -> None:
    model = build_model(make_settings(weights=str(DEMO_BASE))).train()
    inputs, samples = crowded_batch(2, (160, 192), 5, ("circle", "square"), torch.device("cpu"))
    losses = model.loss(inputs, samples)
    assert all(torch.isfinite(loss).all() for loss in losses.values())


@pytest.mark.parametrize(("asked", "tried"), [("auto", [0, 1, 2]), (1, [1])])
def test_one_layer_more_is_tried_until_a_step_fits(
    asked: object, tried: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = build_config(make_settings())
    offered: list[int] = []

    def choose_last(_: object, limit: int, batch: int, layers: Iterable[int], fit: bool) -> Choice:
        offered.extend(layers)
        return Choice(offered[-1], batch, limit)

    monkeypatch.setattr(hook, "choose", choose_last)
    monkeypatch.setattr(hook, "usable_bytes", lambda _: GIB)
    model = SimpleNamespace(encoder=SimpleNamespace(layers=[None, None]), train=lambda: None)
    probe = ProbeHook((160, 160), 2, ("circle",), checkpoint_layers=asked)
    probe._probe(SimpleNamespace(cfg=config), model, torch.device("cuda"))
    assert offered == tried


def test_memory_of_another_program_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (4 * GIB, 24 * GIB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: GIB)
    assert usable_bytes(torch.device("cuda")) == int(4.5 * GIB)


def test_on_cpu_a_given_number_of_layers_is_used_without_a_probe() -> None:
    model = build_model(make_settings(weights=str(DEMO_BASE)))
    probe = ProbeHook((160, 160), 2, ("circle",), checkpoint_layers=1)
    probe.fit(SimpleNamespace(model=model))
    assert [layer.checkpointed for layer in model.encoder.layers] == [True, False]
    assert probe.choice is None


PROCESS = """
import sys
from contextlib import nullcontext

import torch
from torch import distributed

rank, where = int(sys.argv[1]), sys.argv[2]
distributed.init_process_group("gloo", init_method=f"file://{where}", rank=rank, world_size=2)

from demo_model import DEMO_BASE, build_model, make_settings
from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.startup import memory_probe

# What the probe asks of CUDA, on a CPU; the second GPU holds no step that recomputes less than two,
# then three layers, and says so on the way back, as a full one does.
torch.cuda.current_device = lambda: 0
torch.cuda.empty_cache = torch.cuda.reset_peak_memory_stats = lambda: None
torch.cuda.max_memory_allocated = lambda: 1000
torch.random.fork_rng = lambda **_: nullcontext()
model = build_model(make_settings(weights=str(DEMO_BASE))).train()
backward = torch.Tensor.backward
tried = 0


def full(tensor):
    if tried < (0, needed)[rank]:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")
    backward(tensor)


torch.Tensor.backward = full


def measure(layers, images):
    global tried
    tried = layers
    batch = memory_probe.crowded_batch(images, (96, 96), 3, ("circle",), torch.device("cpu"))
    return memory_probe.peak_of_step(model, batch, nullcontext())


for needed in (2, 3):
    try:
        choice = memory_probe.agreed(
            lambda: memory_probe.choose(measure, 10**12, 1, (0, 1, 2), fit_batch=False)
        )
        print(needed, "layers", choice.layers)
    except UserError as error:
        print(needed, "refused", error)
"""


def test_a_process_out_of_memory_makes_the_others_recompute_or_stop_too(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(rank), str(tmp_path / "meet")],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        for rank in range(2)
    ]
    try:
        outputs = [process.communicate(timeout=120)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    for told in ("2 layers 2\n", "3 refused a training step"):
        assert all(told in output for output in outputs), outputs
