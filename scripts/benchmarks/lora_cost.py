"""Cost of a training step and its files: the official recipe, --tune frozen and --tune lora.

    python scripts/benchmarks/lora_cost.py [--size 512] [--modes stock frozen lora]

Swin-T with BERT-base, both with random weights built from their configs: arithmetic, state and file
sizes do not depend on the weights. Per mode it makes two AdamW steps on CPU, the second under
FlopCounterMode (pointwise operations and grid_sample are not counted), and writes the checkpoint
and the adapter that a run would. Needs about 6 GB of memory and some minutes.

The recipe is MMDetection's grounding_dino_swin-t_finetune_8xb4_20e_cat.py: backbone and BERT with
learning rate 0 but full gradients, Swin checkpointed, six encoder layers recomputed (by
torch.utils.checkpoint here, by fairscale there: the same arithmetic).
"""

from __future__ import annotations

import argparse
import gc
import io
import platform
import tempfile
from pathlib import Path
from typing import Any

import torch
from benchmark_models import class_names, prepare_upstream, write_bert
from torch import nn
from train_step import MMDetectionCase, flop_counter

MODES = ("stock", "frozen", "lora")


def measure(mode: str, options: argparse.Namespace, bert: Path) -> dict[str, float]:
    """Make training steps and return its figures, sizes in bytes."""
    case = MMDetectionCase(mode, options, bert)
    case.step()  # fills the caches: BERT reads the prompt once in a run
    with flop_counter() as flops:
        case.step()
    flop = flops.get_total_flops()
    model, optimizer = case.model, case.wrapper.optimizer
    parameters = list(model.parameters())
    own = sum(p.numel() for n, p in model.named_parameters() if _is_base(n))
    trained = [p for p in parameters if p.requires_grad]
    return {
        "flop": float(flop),
        "share": sum(p.numel() for p in trained) / own,
        "trained": float(sum(p.numel() for p in trained)),
        "state": sum(p.nbytes for p in parameters)
        + sum(p.nbytes for p in trained)  # gradients
        + sum(t.nbytes for state in optimizer.state.values() for t in state.values()),
        "last": _size({"state_dict": _kept(model, mode), "optimizer": optimizer.state_dict()}),
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

    from train_teacher.mmdet_plugin.lora.adapters import adapter_tensors

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
    parser.add_argument("--checkpoint-layers", type=int, default=0, help="ours recompute")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=MODES)
    options = parser.parse_args()
    vars(options).update(
        model="swin-t", names=class_names(3), boxes=4, batch=1, precision="fp32", device="cpu"
    )
    prepare_upstream()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        bert = write_bert(Path(folder) / "bert")
        for mode in options.modes:
            results[mode] = measure(mode, options, bert)
            print(mode, results[mode], flush=True)
            gc.collect()
    print(f"{platform.machine()}, PyTorch {torch.__version__}, {options.size} pixels, batch 1")
    print(report(results))


if __name__ == "__main__":
    main()
