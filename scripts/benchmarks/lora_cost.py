"""What a training step and its files cost: the official recipe, --tune frozen and --tune lora.

    python scripts/benchmarks/lora_cost.py [--size 512] [--modes stock frozen lora]

Swin-T with BERT-base, both with random weights built from their configs: arithmetic, state and file
sizes do not depend on the weights. Per mode it makes one AdamW step on CPU under FlopCounterMode
(pointwise operations and grid_sample are not counted) and writes the checkpoint and the adapter
that a run would. Needs about 6 GB of memory and some minutes.

The recipe is MMDetection's grounding_dino_swin-t_finetune_8xb4_20e_cat.py: backbone and BERT with
learning rate 0 but full gradients, Swin checkpointed, six encoder layers recomputed (by
torch.utils.checkpoint here, by fairscale there: the same arithmetic).
"""

from __future__ import annotations

import argparse
import gc
import importlib
import io
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from make_demo_data import write_dataset
from train_teacher.adapters import mmengine_config, preset_file
from train_teacher.application.train_teacher import plan_training, read_layers

CLASSES = ("red star", "blue ring", "green heart")
VOCABULARY = preset_file.configs_folder() / "demo" / "language_model"
MODES = ("stock", "frozen", "lora")


class Recomputed(nn.Module):
    """A layer that is computed a second time in the backward pass."""

    def __init__(self, layer: nn.Module) -> None:
        """Wrap a layer."""
        super().__init__()
        self.layer = layer

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the layer and keep its inputs only."""
        return checkpoint(self.layer, *args, use_reentrant=False, **kwargs)


def config_of(mode: str, work: Path) -> Any:
    """Return the MMDetection config of a mode."""
    from mmengine.config import Config

    if mode == "stock":
        preset = preset_file.read_preset("swin-t").values["base_config"]
        config = Config.fromfile(mmengine_config.find_base_config(str(preset)))
        bert = {"type": "ConfiguredBertModel", "name": str(work / "bert"), "own_weights": "never"}
        config.model.language_model.update(bert)
        config.model.backbone.init_cfg = None
        config.model.encoder.num_cp = 0
        config.model.bbox_head.num_classes = len(CLASSES)
        return config
    values = {
        "data": str(work / "data" / "annotations.json"),
        "output": str(work / mode),
        "model": "swin-t",
        "weights": "none",
        "language_model": str(work / "bert"),
        "tune": mode,
        "set": {"model.language_model.own_weights": "never"},
    }
    plan = plan_training(read_layers(values, None), dry_run=True)
    return Config.fromstring(plan.config_text, ".py")


def batch(size: int) -> tuple[Any, Any]:
    """Return one picture with four boxes."""
    from mmdet.structures import DetDataSample
    from mmengine.structures import InstanceData

    sample = DetDataSample(
        metainfo={
            "img_shape": (size, size),
            "batch_input_shape": (size, size),
            "text": CLASSES,
            "custom_entities": True,
        }
    )
    corners = torch.rand(4, 2) * size / 2
    boxes = torch.cat([corners, corners + size / 4], dim=1)
    sample.gt_instances = InstanceData(bboxes=boxes, labels=torch.tensor([0, 1, 2, 0]))
    return torch.rand(1, 3, size, size), [sample]


def measure(mode: str, size: int, work: Path) -> dict[str, float]:
    """Make one training step and return its figures, sizes in bytes."""
    from mmdet.registry import MODELS
    from mmengine.optim import build_optim_wrapper

    torch.manual_seed(0)
    config = config_of(mode, work)
    model = MODELS.build(config.model)
    model.init_weights()
    if mode == "stock":
        for layers in (model.encoder.layers, model.encoder.fusion_layers):
            for place, layer in enumerate(layers):
                layers[place] = Recomputed(layer)
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    model.train()
    inputs, samples = batch(size)
    with FlopCounterMode(display=False) as counter:
        losses = model.loss(inputs, samples)
        total = sum(value for key, value in losses.items() if "loss" in key)
        total.backward()
    gradients = sum(p.grad.nbytes for p in model.parameters() if p.grad is not None)
    wrapper.step()
    parameters = list(model.parameters())
    states = wrapper.optimizer.state.values()
    own = sum(p.numel() for n, p in model.named_parameters() if _is_base(n))
    trained = sum(p.numel() for p in parameters if p.requires_grad)
    return {
        "flop": float(counter.get_total_flops()),
        "share": trained / own,
        "trained": float(trained),
        "state": sum(p.nbytes for p in parameters)
        + gradients
        + sum(t.nbytes for state in states for t in state.values()),
        "last": _size({"state_dict": _kept(model, mode), "optimizer": wrapper.state_dict()}),
        "best": _size({"state_dict": _kept(model, mode)}),
        "adapter": _adapter_bytes(model, half=False) if mode == "lora" else 0.0,
        "half": _adapter_bytes(model, half=True) if mode == "lora" else 0.0,
    }


def _is_base(name: str) -> bool:
    return ".lora_" not in name and ".modules_to_save." not in name


def _kept(model: nn.Module, mode: str) -> dict[str, torch.Tensor]:
    if mode == "stock":
        return dict(model.state_dict())
    return {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}


class _Counter(io.RawIOBase):
    """A file that only knows how long it is."""

    def __init__(self) -> None:
        super().__init__()
        self.length = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        count = memoryview(data).nbytes
        self.length += count
        return count


def _size(content: dict[str, Any]) -> float:
    file = _Counter()
    torch.save(content, file)
    return float(file.length)


def _adapter_bytes(model: nn.Module, *, half: bool) -> float:
    from safetensors.torch import save

    from train_teacher.mmdet_plugin.lora import adapter_tensors

    tensors = adapter_tensors(model, model.state_dict())
    return float(len(save({n: t.half() if half else t for n, t in tensors.items()})))


def report(results: dict[str, dict[str, float]]) -> str:
    """Return a Markdown table."""
    first = next(iter(results.values()))
    rows = [
        "| | trained | GFLOP a step | weights, gradients, AdamW | last.pth | best.pth | adapter |",
        "|---|---|---|---|---|---|---|",
    ]
    for mode, r in results.items():
        adapter = f"{r['adapter'] / 1e6:.1f} MB, half {r['half'] / 1e6:.1f} MB"
        rows.append(
            f"| {mode} | {r['trained'] / 1e6:.2f} M, {100 * r['share']:.1f} % "
            f"| {r['flop'] / 1e9:.0f} ({r['flop'] / first['flop']:.2f}x) "
            f"| {r['state'] / 1e6:,.0f} MB ({r['state'] / first['state']:.2f}x) "
            f"| {r['last'] / 1e6:,.1f} MB | {r['best'] / 1e6:,.1f} MB "
            f"| {adapter if r['adapter'] else '-'} |"
        )
    return "\n".join(rows)


def main() -> None:
    """Measure the modes and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=512, help="height and width in pixels")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=MODES)
    options = parser.parse_args()
    importlib.import_module("train_teacher.mmdet_plugin")
    from mmdet.utils import register_all_modules
    from transformers import BertConfig

    register_all_modules(init_default_scope=True)
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write_dataset(work / "data", 12, 0, CLASSES)
        shutil.copytree(VOCABULARY, work / "bert")
        BertConfig().save_pretrained(work / "bert")
        for mode in options.modes:
            results[mode] = measure(mode, options.size, work)
            print(mode, results[mode], flush=True)
            gc.collect()
    print(f"{platform.machine()}, PyTorch {torch.__version__}, {options.size} pixels, batch 1")
    print(report(results))


if __name__ == "__main__":
    main()
