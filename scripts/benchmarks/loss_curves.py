"""The loss of the official recipe and of ours, from the same weights on the same batches.

python scripts/benchmarks/loss_curves.py --model demo --size 160 --steps 200       # CPU
python scripts/benchmarks/loss_curves.py --device cuda --precisions fp32,bf16 --csv curves.csv

A few batches of noise with boxes come again and again, so that the model can overfit them. Stock
keeps dropout and drop path in backbone and BERT, which ours has frozen, clips the gradients with
those two counted in, and draws the noise of denoising queries in another order: alike, but not in
numbers. `--aligned` takes that out of both, and TF32 out of ours, and then only rounding is left
between them.
"""

from __future__ import annotations

import argparse
import copy
import csv
import gc
import re
import statistics
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from benchmark_models import class_names, prepare_upstream, write_bert
from torch import Tensor
from train_step import MMDetectionCase, machine, make_batch

BATCHES = 8
ROWS = 10
RECOMPUTED = re.compile(r"^(encoder\.(?:layers|fusion_layers)\.\d+)\.layer\.")


def align(model: Any) -> None:
    """Switch off what frozen parts of ours do not do, and the noise of denoising queries."""
    model.backbone.requires_grad_(False)
    model.language_model.requires_grad_(False)
    model.dn_query_generator.label_noise_scale = 1e-12
    model.dn_query_generator.box_noise_scale = 1e-9
    for name, module in model.named_modules():
        if name.startswith(("backbone", "language_model")):
            for attribute in ("p", "drop_prob", "dropout_prob"):
                if isinstance(getattr(module, attribute, None), float):
                    setattr(module, attribute, 0.0)


def losses(case: MMDetectionCase, options: argparse.Namespace) -> list[float]:
    """Train and return the loss of every step."""
    found = []
    for step in range(options.steps):
        torch.manual_seed(step % BATCHES)
        inputs, samples = make_batch(options)
        torch.manual_seed(options.steps + step)
        with nullcontext() if options.aligned else case.products():
            with case.wrapper.optim_context(case.model):
                parts = case.model.loss(inputs, samples)
            total, _ = case.model.parse_losses(parts)
            case.wrapper.update_params(total)
        found.append(float(total.detach()))
    return found


def measure(options: argparse.Namespace) -> dict[str, list[float]]:
    """Train each mode in each number format from the same weights."""
    prepare_upstream()
    curves: dict[str, list[float]] = {}
    start: dict[str, Tensor] | None = None
    with tempfile.TemporaryDirectory() as folder:
        bert = write_bert(Path(folder) / "bert", options.model)
        for precision in options.precisions:
            for mode in ("stock", "frozen"):
                own: Any = copy.copy(options)
                own.precision = precision
                case = MMDetectionCase(mode, own, bert)
                state = case.model.state_dict()
                if start is None:
                    start = {RECOMPUTED.sub(r"\1.", k): v.clone() for k, v in state.items()}
                else:
                    names = {RECOMPUTED.sub(r"\1.", name): name for name in state}
                    case.model.load_state_dict({names[k]: v for k, v in start.items()})
                if options.aligned:
                    align(case.model)
                for group in case.wrapper.optimizer.param_groups:
                    group["lr"] = options.lr * (group["lr"] > 0)
                curves[f"{mode} {precision}"] = losses(case, options)
                del case
                gc.collect()
    return curves


def table(curves: dict[str, list[float]], options: argparse.Namespace) -> str:
    """Return the mean loss of each tenth of the run, and how far each is from the first curve."""
    names = list(curves)
    first = curves[names[0]]
    note = ", aligned" if options.aligned else ""
    lines = [
        f"{options.model}, {options.classes} classes, {options.batch} x {options.size} x "
        f"{options.size}{note}, {machine(options)}",
        "",
        f"| steps | {' | '.join(names)} |",
        "|---" * (len(names) + 1) + "|",
    ]
    part = max(1, options.steps // ROWS)
    for start in range(0, options.steps, part):
        means = (statistics.fmean(curves[name][start : start + part]) for name in names)
        cells = " | ".join(f"{value:.4f}" for value in means)
        lines.append(f"| {start + 1} to {start + part} | {cells} |")
    for name in names[1:]:
        apart = [abs(a - b) / abs(a) for a, b in zip(first, curves[name], strict=True)]
        lines.append("")
        lines.append(
            f"{name} against {names[0]}: {statistics.fmean(apart):.2e} apart on average, "
            f"{max(apart):.2e} at most (relative)"
        )
    return "\n".join(lines)


def read_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=("swin-t", "demo"), default="swin-t")
    parser.add_argument("--classes", type=int, default=3)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--boxes", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precisions", default="fp32", help="of fp32, bf16, fp16")
    parser.add_argument("--aligned", action="store_true", help="comparable number by number")
    parser.add_argument("--checkpoint-layers", type=int, default=0, help="ours recompute")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--csv", type=Path, help="also write every step's losses there")
    options = parser.parse_args()
    options.precisions = options.precisions.split(",")
    options.names = class_names(options.classes)
    return options


def main() -> None:
    """Train and print."""
    options = read_options()
    torch.set_num_threads(options.threads)
    curves = measure(options)
    print(table(curves, options))
    if options.csv:
        with options.csv.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["step", *curves])
            rows = zip(*curves.values(), strict=True)
            writer.writerows([step, *row] for step, row in enumerate(rows, 1))


if __name__ == "__main__":
    main()
