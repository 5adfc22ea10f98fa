"""One training step of the official recipe beside ours: arithmetic, waits, memory and time.

python scripts/benchmarks/train_step.py --classes 3 --size 512 --batch 2 --steps 10

Swin-T with random weights and a BERT-base built from its config, so that nothing is downloaded;
FLOPs, host reads, groups and kept bytes do not depend on the weights. The modes take turns in one
process, so that whatever else the machine does falls on all of them. `--steps 0` counts only.

`stock` is MMDetection's configs/mm_grounding_dino/grounding_dino_swin-t_finetune_8xb4_20e_cat.py:
lr_mult 0 for backbone and BERT, both checkpointed, six encoder layers recomputed. Where fairscale
is missing its layers are recomputed by torch.utils.checkpoint, which costs the same arithmetic.
A mode with `-plain` is ours without the accelerated modules, text cache and merged groups.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import platform
import shutil
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor, nn

RECIPE = "mm_grounding_dino/grounding_dino_swin-t_finetune_8xb4_20e_cat.py"
MODES = ("stock", "frozen-plain", "frozen", "lora")
WARM_UP = 2


@dataclass
class Measured:
    """Figures of one mode."""

    mode: str
    trained_millions: float
    gflop: float = 0.0
    host_reads: int = 0
    groups: int = 0
    kept_mib: float = 0.0
    peak_mib: float | None = None
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float | None:
        """Return the median step time in seconds."""
        return statistics.median(self.seconds) if self.seconds else None


class RecomputedLayer(nn.Module):
    """Stands in for fairscale's wrapper in the stock model."""

    def __init__(self, layer: nn.Module) -> None:
        """Wrap a layer."""
        super().__init__()
        self.layer = layer

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the layer, keeping its inputs only."""
        from torch.utils.checkpoint import checkpoint

        return checkpoint(self.layer, *args, use_reentrant=False, **kwargs)


class KeptBytes:
    """Counts the bytes that autograd keeps for the way back, each storage once."""

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


def class_names(count: int) -> tuple[str, ...]:
    """Return names of the demo vocabulary's words, two to a class."""
    words = (Path(__file__).parents[2] / "configs/demo/language_model/vocab.txt").read_text()
    usable = [w for w in words.split() if w.isalpha() and len(w) > 2]
    pairs = ((a, b) for a in usable for b in usable if a != b)
    return tuple(f"{a} {b}" for _, (a, b) in zip(range(count), pairs, strict=False))


def dataset_info(names: tuple[str, ...], boxes: int) -> Any:
    """Return the facts of a data set that is not on disk."""
    from train_teacher.domain import dataset_info as facts

    splits = tuple(
        facts.SplitInfo(name, f"{name}.json", "images", 100, 100, 100, (100,) * len(names), 0)
        for name in ("train", "val", "test")
    )
    return facts.DatasetInfo(
        path="data.json",
        exporter=None,
        data_root=".",
        image_dir="images",
        num_images=300,
        num_annotations=300,
        num_classes=len(names),
        class_names=names,
        has_boxes=True,
        has_masks=False,
        splits=splits,
        prompt=facts.PromptInfo("", 0, 256, True),
        findings=(),
        trained=facts.TrainedInfo(300, 300, {}),
        sizes=facts.SizeInfo(512, 512, 512, 512, 512, float(boxes), boxes, 64.0),
    )


def our_config(mode: str, options: argparse.Namespace, bert: Path) -> Any:
    """Return the config that `train-teacher --tune` generates."""
    from train_teacher.adapters import mmengine_config, preset_file
    from train_teacher.domain.config_overrides import generate_mmdet_config
    from train_teacher.domain.settings import SettingsLayer, merge_settings

    values = {
        "data": "data.json",
        "output": "run",
        "tune": mode.removesuffix("-plain"),
        "weights": "none",
        "language_model": str(bert),
        "precision": options.precision,
        "workers": 0,
        "batch_size": options.batch,
    }
    layers = [preset_file.read_preset("swin-t"), SettingsLayer("benchmark", values)]
    info = dataset_info(options.names, options.boxes)
    config = mmengine_config.build_config(generate_mmdet_config(info, merge_settings(layers)))
    config.model.language_model.own_weights = "never"
    config.model.checkpoint_layers = options.checkpoint_layers
    if mode.endswith("-plain"):
        config.model.accelerated = False
        config.model.language_model.cache_text = False
        config.model.bbox_head.type = "GroundingDINOHead"
        del config.optim_wrapper["constructor"]
    return config


def stock_config(options: argparse.Namespace, bert: Path) -> Any:
    """Return the official recipe with a BERT that needs no download."""
    from mmengine.config import Config

    from train_teacher.adapters.mmengine_config import find_base_config

    config = Config.fromfile(find_base_config(RECIPE))
    config.model.language_model.update(
        type="ConfiguredBertModel", name=str(bert), own_weights="never", cache_text=False
    )
    config.model.backbone.init_cfg = None
    config.model.encoder.num_cp = 0  # RecomputedLayer does it
    config.model.bbox_head.num_classes = 256
    if options.precision != "fp32":
        names = {"bf16": "bfloat16", "fp16": "float16"}
        config.optim_wrapper.update(type="AmpOptimWrapper", dtype=names[options.precision])
    return config


class Case:
    """A model with its optimizer and a batch."""

    def __init__(self, mode: str, options: argparse.Namespace, bert: Path) -> None:
        """Build everything on the device."""
        from mmdet.registry import MODELS
        from mmengine.optim import build_optim_wrapper

        torch.manual_seed(0)
        config = stock_config(options, bert) if mode == "stock" else our_config(mode, options, bert)
        self.model = MODELS.build(config.model)
        self.model.init_weights()
        if mode == "stock":
            for layers in (self.model.encoder.layers, self.model.encoder.fusion_layers):
                for place, layer in enumerate(layers):
                    layers[place] = RecomputedLayer(layer)
        self.model = self.model.to(options.device).train()
        self.wrapper = build_optim_wrapper(self.model, config.optim_wrapper)
        self._options = options
        trained = sum(p.numel() for p in self.model.parameters() if p.requires_grad)
        self.measured = Measured(mode, trained / 1e6, groups=len(self.wrapper.param_groups))

    def step(self, forward: Any = None) -> None:
        """Train one step; `forward` is a context around the forward pass."""
        inputs, samples = make_batch(self._options)
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

    def count(self) -> None:
        """Count arithmetic, host reads and kept bytes, each in a step of its own."""
        from torch.nn.attention import SDPBackend, sdpa_kernel
        from torch.utils.flop_counter import FlopCounterMode

        from train_teacher.mmdet_plugin.host_reads import HostReads

        # AdamW counts steps in tensors that lie on the CPU everywhere: no wait, so not counted.
        update, self.wrapper.optimizer.step = self.wrapper.optimizer.step, lambda: None
        kept = KeptBytes(self.model)
        self.step(kept.hooks())  # also fills the caches
        with HostReads() as reads:
            self.step()
        # Fused attention on CPU is unknown to the counter; its parts are not.
        with FlopCounterMode(display=False) as flops, sdpa_kernel(SDPBackend.MATH):
            self.step()
        self.wrapper.optimizer.step = update
        self.measured.kept_mib = kept.mib
        self.measured.host_reads = reads.total
        self.measured.gflop = flops.get_total_flops() / 1e9

    def timed_step(self) -> float:
        """Return the seconds of a step, the device's work included."""
        synchronize(self._options.device)
        start = time.perf_counter()
        self.step()
        synchronize(self._options.device)
        return time.perf_counter() - start

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


def synchronize(device: str) -> None:
    """Wait for the device."""
    if device == "cuda":
        torch.cuda.synchronize()


def make_batch(options: argparse.Namespace) -> tuple[Tensor, list[Any]]:
    """Return a new batch of noise with boxes."""
    from train_teacher.mmdet_plugin.probe import crowded_batch

    size = (options.size, options.size)
    return crowded_batch(
        options.batch, size, options.boxes, options.names, torch.device(options.device)
    )


def write_bert(folder: Path) -> Path:
    """Write the config of BERT-base and the demo's vocabulary."""
    from transformers import BertConfig

    shutil.copytree(Path(__file__).parents[2] / "configs/demo/language_model", folder)
    BertConfig().save_pretrained(folder)
    return folder


def prepare_upstream(device: str) -> None:
    """Register everything; give the stock model a deformable attention where none is compiled."""
    plugin = importlib.import_module("train_teacher.mmdet_plugin")
    from mmcv.ops import multi_scale_deform_attn
    from mmdet.utils import register_all_modules
    from mmengine.logging import MMLogger

    register_all_modules(init_default_scope=True)
    MMLogger.get_instance("benchmark", log_level="ERROR")
    if device == "cuda" and plugin.mmcv_ops.install() == "stand-in":
        multi_scale_deform_attn.IS_CUDA_AVAILABLE = False


def measure(options: argparse.Namespace) -> list[Measured]:
    """Build all modes, count each, and time them in turns."""
    prepare_upstream(options.device)
    with tempfile.TemporaryDirectory() as folder:
        bert = write_bert(Path(folder) / "bert")
        cases = [Case(mode, options, bert) for mode in options.modes]
    for case in cases:
        case.count()
        if options.device == "cuda":
            case.step()
            case.peak()
    for turn in range(options.steps + WARM_UP if options.steps else 0):
        for case in cases:
            seconds = case.timed_step()
            if turn >= WARM_UP:
                case.measured.seconds.append(seconds)
    return [case.measured for case in cases]


def table(rows: list[Measured], options: argparse.Namespace) -> str:
    """Return a Markdown table with machine and date."""
    first = rows[0]
    device = torch.cuda.get_device_name() if options.device == "cuda" else platform.machine()
    lines = [
        f"Swin-T, {options.classes} classes, {options.batch} x {options.size} x {options.size}, "
        f"{options.boxes} boxes an image, {options.precision}, {device}, "
        f"{options.threads} threads, torch {torch.__version__}, "
        f"{datetime.now(timezone.utc):%Y-%m-%d}",
        "",
        f"| mode | trained M | GFLOP | of {first.mode} | host reads | groups | kept MiB | peak MiB "
        f"| median s | of {first.mode} |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        peak = "-" if row.peak_mib is None else f"{row.peak_mib:.0f}"
        shown = ("-", "-")
        if row.median and first.median:
            shown = (f"{row.median:.3f}", f"{row.median / first.median:.2f}")
        lines.append(
            f"| {row.mode} | {row.trained_millions:.1f} | {row.gflop:.0f} "
            f"| {row.gflop / first.gflop:.2f} | {row.host_reads} | {row.groups} "
            f"| {row.kept_mib:.0f} | {peak} | {shown[0]} | {shown[1]} |"
        )
    return "\n".join(lines)


def read_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--modes", default="stock,frozen,lora", help=f"of {', '.join(MODES)}")
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
    from train_teacher.domain.settings import Tune

    wanted = options.modes.split(",")
    unknown = sorted(set(wanted) - set(MODES))
    if unknown:
        parser.error(f"--modes {','.join(unknown)}: known are {', '.join(MODES)}")
    if "lora" not in get_args(Tune):
        wanted = [mode for mode in wanted if mode != "lora"]
    options.modes = wanted
    options.names = class_names(options.classes)
    return options


def main() -> None:
    """Measure and print."""
    options = read_options()
    torch.set_num_threads(options.threads)
    rows = measure(options)
    print(table(rows, options))
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
