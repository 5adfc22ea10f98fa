"""One training step of the official recipe beside ours: arithmetic, waits, memory and time.

python scripts/benchmarks/train_step.py --classes 3 --size 512 --batch 2 --steps 10

Swin-T (--model) with random weights and a BERT-base built from its config: nothing is downloaded;
FLOPs, host-device syncs, groups and kept bytes do not depend on the weights. Each mode has
a process of its own, with the memory settings of its own tool, and they take turns, each turn begun
by another, so that whatever else the machine does falls on all of them; a batch is made before the
clock starts. On CPU a mode takes up to 8 GB at batch 2. `--steps 0` counts only.

`stock` is MMDetection's configs/mm_grounding_dino/grounding_dino_swin-t_finetune_8xb4_20e_cat.py:
lr_mult 0 for backbone and BERT, both checkpointed, six encoder layers recomputed. Where fairscale
is missing its layers are recomputed by torch.utils.checkpoint, which costs the same arithmetic.
A mode with `-plain` is ours on MMDetection's own modules (`accelerated: false`), without TF32 and
memory settings; with `-kept` a mode has our memory settings (core/memory_allocator.py), so that
`stock-kept` is what ours is to be compared with on a CPU.
`--peers` adds Hugging Face's MM Grounding DINO of the same size (huggingface_step.py).
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch
from benchmark_models import (
    WITH_TF32,
    WITHOUT,
    RecomputedLayer,
    backends,
    class_names,
    matrix_products,
    our_config,
    prepare_upstream,
    stock_config,
    write_bert,
)
from host_reads import HostReads
from huggingface_step import MODES as PEERS
from huggingface_step import Peer
from mode_process import ModeProcess
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from train_teacher.core.memory_allocator import keep_freed_memory

STOCK = ("stock", "stock-kept")
MODES = (
    *STOCK,
    "frozen-plain", "frozen-plain-kept", "frozen",
    "lora-plain", "lora-plain-kept", "lora",
    *PEERS,
)  # fmt: skip
WARM_UP = 4
"""Kept memory takes some steps to find its shape."""


@dataclass
class Measured:
    """Figures of one mode."""

    mode: str
    trained_millions: float
    gflop: float = 0.0
    host_reads: int = 0
    calls: int = 0
    predicting_reads: int = 0
    predicting_calls: int = 0
    groups: int = 0
    kept_mib: float = 0.0
    peak_mib: float | None = None
    seconds: list[float] = field(default_factory=list)
    page_faults: list[int] = field(default_factory=list)

    @property
    def median(self) -> float | None:
        """Return the median step time in seconds."""
        return statistics.median(self.seconds) if self.seconds else None

    @property
    def median_faults(self) -> float | None:
        """Return how many pages of memory the system clears in a step."""
        return statistics.median(self.page_faults) if self.page_faults else None


class KeptBytes:
    """Counts the bytes that autograd keeps for the backward pass, each storage once."""

    def __init__(self, model: nn.Module) -> None:
        """Leave out the parameters: they are there anyway."""
        self._known = {p.untyped_storage().data_ptr() for p in model.parameters()}
        self._kept: dict[int, int] = {}

    def hooks(self) -> Any:
        """Return the context in which to run the forward pass."""
        return torch.autograd.graph.saved_tensors_hooks(self._note, lambda kept: kept)

    def _note(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._known:
            self._kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    @property
    def mib(self) -> float:
        """Return MiB."""
        return sum(self._kept.values()) / 2**20


class Case:
    """Counts and times the steps of a model."""

    model: nn.Module
    wrapper: Any
    """Has `optimizer` and `param_groups`."""

    def __init__(self, mode: str, options: argparse.Namespace) -> None:
        """Describe what was built."""
        self._options = options
        trained = sum(p.numel() for p in self.model.parameters() if p.requires_grad)
        self.measured = Measured(mode, trained / 1e6, groups=len(self.wrapper.param_groups))

    def batch(self) -> Any:
        """Return a new batch on the device."""
        raise NotImplementedError

    def train(self, batch: Any, forward: Any = None) -> None:
        """Train one step; `forward` is a context around the forward pass."""
        raise NotImplementedError

    def step(self, forward: Any = None) -> None:
        """Make a batch and train one step on it, in the mode's own number format."""
        with self.products():
            self.train(self.batch(), forward)

    def products(self) -> Any:
        """Return the context in which 32-bit matrix products are the mode's own."""
        return matrix_products(self.measured.mode, self._options.device)

    def count(self) -> None:
        """Count arithmetic, operators, host-device syncs and kept bytes of step and prediction."""
        self.step()  # fills the caches
        kept = KeptBytes(self.model)
        batch = self.batch()
        # AdamW counts steps in tensors that lie on the CPU everywhere: no wait, so not counted.
        optimizer, spared = self.wrapper.optimizer, 0
        update = optimizer.step

        def step_uncounted() -> None:
            nonlocal spared
            before = reads.total
            update()
            spared += reads.total - before

        optimizer.step = step_uncounted
        with self.products(), flop_counter() as flops, HostReads() as reads, Calls() as calls:
            self.train(batch, kept.hooks())
        optimizer.step = update
        self.measured.kept_mib = kept.mib
        self.measured.host_reads = reads.total - spared
        self.measured.calls = calls.total
        self.measured.gflop = flops.get_total_flops() / 1e9
        self.count_prediction()

    def count_prediction(self) -> None:
        """Count operators and host-device syncs of a validation step, where the case has one."""

    def timed_step(self) -> tuple[float, int]:
        """Train one step on a batch that is there.

        Returns:
            Seconds, the device's work included (on CPU those of the processor: other programs
            do not count), and page faults.
        """
        batch = self.batch()
        with self.products():
            synchronize(self._options.device)
            clock = time.process_time if self._options.device == "cpu" else time.perf_counter
            faults, start = page_faults(), clock()
            self.train(batch)
            synchronize(self._options.device)
            return clock() - start, page_faults() - faults

    def peak(self) -> None:
        """Measure the GPU memory of a step, with everything else of this process taken off."""
        torch.cuda.synchronize()
        gc.collect()
        own = sum(p.numel() * p.element_size() for p in self.model.parameters())
        states = sum(
            value.numel() * value.element_size()
            for state in self.wrapper.optimizer.state.values()
            for value in state.values()
            if isinstance(value, Tensor)
        )
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        self.step()
        grown = torch.cuda.max_memory_allocated() - before
        self.measured.peak_mib = (own + states + grown) / 2**20


class MMDetectionCase(Case):
    """The official recipe or ours, with its optimizer."""

    def __init__(self, mode: str, options: argparse.Namespace, bert: Path) -> None:
        """Build everything on the device."""
        from mmdet.registry import MODELS
        from mmengine.optim import build_optim_wrapper

        torch.manual_seed(0)
        stock = mode in STOCK
        config = stock_config(options, bert) if stock else our_config(mode, options, bert)
        self.model = MODELS.build(config.model)
        self.model.init_weights()
        if stock:
            for layers in (self.model.encoder.layers, self.model.encoder.fusion_layers):
                for place, layer in enumerate(layers):
                    layers[place] = RecomputedLayer(layer)
        self.model = self.model.to(options.device).train()
        self.wrapper = build_optim_wrapper(self.model, config.optim_wrapper)
        super().__init__(mode, options)

    def batch(self) -> Any:
        """Return a new batch on the device."""
        return make_batch(self._options)

    def count_prediction(self) -> None:
        """Count operators and host-device syncs of a validation step, the caches filled."""
        self.model.eval()
        for _ in range(2):
            inputs, samples = self.batch()
            scale = {"scale_factor": (1.0, 1.0), "ori_shape": samples[0].img_shape}
            for sample in samples:
                sample.set_metainfo(scale)
            with torch.no_grad(), HostReads() as reads, Calls() as calls:
                self.model.val_step({"inputs": list(inputs), "data_samples": samples})
        self.model.train()
        self.measured.predicting_reads, self.measured.predicting_calls = reads.total, calls.total

    def train(self, batch: Any, forward: Any = None) -> None:
        """Train one step; `forward` is a context around the forward pass."""
        inputs, samples = batch
        with self.wrapper.optim_context(self.model):
            if forward is None:
                losses = self.model.loss(inputs, samples)
            else:
                with forward:
                    losses = self.model.loss(inputs, samples)
        total, log = self.model.parse_losses(losses)
        self.wrapper.update_params(total)
        for value in dict(log).values():
            float(value.detach() if isinstance(value, Tensor) else value)


class HuggingFaceCase(Case):
    """A model of transformers."""

    def __init__(self, mode: str, options: argparse.Namespace) -> None:
        """Build everything on the device."""
        self._peer = Peer(mode, options)
        self.model, self.wrapper = self._peer.model, self._peer.wrapper
        super().__init__(mode, options)

    def batch(self) -> Any:
        """Return a new batch on the device."""
        return self._peer.batch()

    def train(self, batch: Any, forward: Any = None) -> None:
        """Train one step; `forward` is a context around the forward pass."""
        self._peer.train(batch, forward)


def build_case(mode: str, options: argparse.Namespace, bert: Path) -> Case:
    """Return the case of a mode, in a process that is its own."""
    torch.set_num_threads(options.threads)
    prepare_upstream()
    if options.device == "cpu" and keeps_memory(mode):
        keep_freed_memory()
    return HuggingFaceCase(mode, options) if mode in PEERS else MMDetectionCase(mode, options, bert)


def keeps_memory(mode: str) -> bool:
    """Return whether a mode keeps freed memory, as train-teacher does on a CPU."""
    return mode.endswith("-kept") or mode in WITH_TF32 or WITHOUT in mode


class Calls(TorchDispatchMode):
    """Counts the operators that reach ATen while it is active: on a GPU each is a launch or two."""

    def __init__(self) -> None:
        """Start at zero."""
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count an operator."""
        self.total += 1
        return func(*args, **(kwargs or {}))


def flop_counter() -> Any:
    """Return a context that counts matrix products, attention and convolutions."""
    from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

    attention = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu

    def forward(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
        return int(sdpa_flop_count(query, key, value))

    def backward(_: Any, query: Any, key: Any, value: Any, *__: Any, **___: Any) -> int:
        return 2 * int(sdpa_flop_count(query, key, value))

    # Fused attention on CPU is unknown to the counter; it is two products, and four back.
    way_back = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
    return FlopCounterMode(display=False, custom_mapping={attention: forward, way_back: backward})


def machine(options: argparse.Namespace) -> str:
    """Return where and when this was measured."""
    on_gpu = getattr(options, "device", "cpu") == "cuda"
    device = torch.cuda.get_device_name() if on_gpu else platform.machine()
    day = f"{datetime.now(timezone.utc):%Y-%m-%d}"
    return f"{device}, {options.threads} threads, torch {torch.__version__}, {day}"


def page_faults() -> int:
    """Return how many pages this process was given so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def synchronize(device: str) -> None:
    """Wait for the device."""
    if device == "cuda":
        torch.cuda.synchronize()


def make_batch(options: argparse.Namespace) -> tuple[Tensor, list[Any]]:
    """Return a new batch of noise with boxes."""
    from train_teacher.mmdet_plugin.startup.memory_probe import crowded_batch

    size = (options.size, options.size)
    return crowded_batch(
        options.batch, size, options.boxes, options.names, torch.device(options.device)
    )


def measure(options: argparse.Namespace) -> list[Measured]:
    """Build all modes, count each, and time them in turns."""
    with tempfile.TemporaryDirectory() as folder:
        bert = write_bert(Path(folder) / "bert", options.model)
        cases = [ModeProcess(build_case, mode, options, bert) for mode in options.modes]
    for case in cases:
        case.count()
        if options.device == "cuda":
            case.step()
            case.peak()
    time_in_turns(cases, options.steps)
    return [case.measured for case in cases]


def time_in_turns(cases: Sequence[Case | ModeProcess], steps: int) -> None:
    """Time steps of every case, each turn begun by another one."""
    for turn in range(steps + WARM_UP if steps else 0):
        first = turn % len(cases)
        for case in (*cases[first:], *cases[:first]):
            seconds, faults = case.timed_step()
            if turn >= WARM_UP:
                case.measured.seconds.append(seconds)
                case.measured.page_faults.append(faults)


def table(rows: list[Measured], options: argparse.Namespace) -> str:
    """Return a Markdown table with machine and date."""
    first = rows[0]
    lines = [
        f"{options.model}, {options.classes} classes, {options.batch} x {options.size} x "
        f"{options.size}, {options.boxes} boxes an image, {options.precision}, {machine(options)}",
        backends(options.device),
        "",
        f"| mode | trained M | GFLOP | of {first.mode} | host-device syncs | groups "
        f"| kept MiB | peak MiB | page faults | median s | of {first.mode} |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        peak = "-" if row.peak_mib is None else f"{row.peak_mib:.0f}"
        shown = ["-"] * 3
        if row.median and first.median:
            shown = [f"{row.median_faults:,.0f}"]
            shown += [f"{row.median:.3f}", f"{row.median / first.median:.2f}"]
        lines.append(
            f"| {row.mode} | {row.trained_millions:.1f} | {row.gflop:.0f} "
            f"| {row.gflop / first.gflop:.2f} | {row.host_reads} | {row.groups} "
            f"| {row.kept_mib:.0f} | {peak} | {' | '.join(shown)} |"
        )
    return "\n".join(lines)


def read_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--modes", default="stock,frozen,lora", help=f"of {', '.join(MODES)}")
    parser.add_argument("--model", default="swin-t", help="swin-t, swin-b, swin-l or demo")
    parser.add_argument("--peers", action="store_true", help=f"also {', '.join(PEERS)}")
    parser.add_argument("--classes", type=int, default=3)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--boxes", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10, help="timed steps of each mode; 0: none")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=("fp32", "bf16", "fp16"), default="fp32")
    parser.add_argument("--checkpoint-layers", type=int, default=0, help="ours recompute")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path, help="also write the figures there")
    options = parser.parse_args()
    wanted = [*options.modes.split(","), *(PEERS if options.peers else ())]
    unknown = sorted(set(wanted) - set(MODES))
    if unknown:
        parser.error(f"--modes {','.join(unknown)}: known are {', '.join(MODES)}")
    options.modes = wanted
    options.names = class_names(options.classes)
    return options


def main() -> None:
    """Measure and print."""
    options = read_options()
    rows = measure(options)
    print(table(rows, options))
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
