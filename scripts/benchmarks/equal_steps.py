"""The first step of MMDetection's recipe, our freezing on its modules, and ours: the same?

python scripts/benchmarks/equal_steps.py --model swin-t --size 256

Random weights, the same in all; `--modes lora-plain-kept,lora` compares adapters on MMDetection's
modules, their second factor random too, with ours, since the recipe has none. Where noise is drawn
by another rule it is off (labels of denoising queries, dropout, drop path). Scores of two points
may differ by less than their last digits: all models take the queries that the first one chose, in
its order. A line says by how much a loss and, as a share of the largest of its tensor, a gradient
differ at most. `disturbed` is the first one again, each weight changed in its last digit: what
rounding alone makes of a gradient. At full size that is a lot; `--double` computes everything in 64
bits, ours too.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from benchmark_models import class_names, our_config, prepare_upstream, stock_config, write_bert
from torch import Tensor

NO_LABEL_NOISE = 1e-12
"""Of 0 mmdet makes another path."""
SMALLEST_SCALE = 1e-3
"""Gradients below it are compared as if their tensor's largest were this."""
BOXES = (0, 1, 20)
MODES = "stock,frozen-plain-kept,frozen"
LAST_DIGIT = 6e-8
"""Half of the relative spacing of float32."""


def without_noise(model_config: Any) -> Any:
    """Return a model's config with nothing that is drawn by another rule.

    mmdet draws random labels where we scale a number, and drops attention weights in another order
    of memory.
    """
    model_config.dn_cfg.label_noise_scale = NO_LABEL_NOISE
    model_config.encoder.fusion_layer_cfg.dropout = 0.0
    return model_config


@contextmanager
def same_queries(chosen: list[Tensor]) -> Iterator[None]:
    """Let a first stage take the points that an earlier one chose; note them if there is none."""
    choose = torch.topk

    def topk(scores: Tensor, *args: Any, **options: Any) -> tuple[Tensor, Tensor]:
        best = choose(scores, *args, **options)
        if not chosen:
            chosen.append(best[1])
        return best[0], chosen[0]

    torch.topk = topk
    try:
        yield
    finally:
        torch.topk = choose


def losses_and_gradients(
    model: Any, batch: tuple[Any, Any]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return losses and gradients of a step by name."""
    model.zero_grad()
    torch.manual_seed(1)
    inputs, samples = copy.deepcopy(batch)
    losses = model.loss(inputs, samples)
    total, _ = model.parse_losses(losses)
    total.backward()
    gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    return {
        name: sum(loss).detach() if isinstance(loss, list) else loss.detach().mean()
        for name, loss in losses.items()
    }, gradients


def apart(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> tuple[float, str]:
    """Return the largest difference as a share of its tensor's largest value, and whose it is."""
    return max(
        (
            float((value - expected[name]).abs().max())
            / max(float(expected[name].abs().max()), SMALLEST_SCALE),
            name,
        )
        for name, value in found.items()
    )


def build(mode: str, options: argparse.Namespace, bert: Path, weights: Any = None) -> Any:
    """Return the model of a mode with given weights; what is frozen anywhere draws nothing."""
    from mmdet.registry import MODELS

    stock = mode == "stock"
    config = stock_config(options, bert) if stock else our_config(mode, options, bert)
    torch.manual_seed(0)
    model = MODELS.build(without_noise(config.model))
    model.init_weights()
    for name, parameter in model.named_parameters():
        if ".lora_B." in name:  # of zeros, the first factor would have no gradient
            torch.nn.init.normal_(parameter, std=0.02)
    if weights is not None:
        model.load_state_dict(weights)
    model.train()
    model.backbone.eval()
    model.language_model.eval()
    return model


def disturbed(model: Any) -> Any:
    """Return a copy of a model with the last digit of each weight changed."""
    copied = copy.deepcopy(model)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.mul_(1 + LAST_DIGIT * torch.randn_like(parameter))
    return copied


def compute_in_64_bits() -> None:
    """Let what asks for 32 bits by name have 64: targets of mmdet, boxes and losses of ours."""
    torch.set_default_dtype(torch.float64)
    new_full = Tensor.new_full

    def widened(tensor: Tensor, *args: Any, **options: Any) -> Tensor:
        if options.get("dtype") is torch.float32:
            options["dtype"] = torch.float64
        return new_full(tensor, *args, **options)

    Tensor.float, Tensor.new_full = Tensor.double, widened


def main() -> None:
    """Compare and print."""
    from train_teacher.mmdet_plugin.startup.memory_probe import crowded_batch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="swin-t", help="swin-t, swin-b, swin-l or demo")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--double", action="store_true")
    parser.add_argument("--modes", default=MODES, help="the first is what the others have to be")
    parser.add_argument("--classes", type=int, nargs="+", default=[3, 60])
    options = parser.parse_args()
    options.names, options.boxes = class_names(max(options.classes)), max(BOXES)
    options.precision, options.checkpoint_layers = "fp32", 0
    prepare_upstream()
    if options.double:
        compute_in_64_bits()
    with tempfile.TemporaryDirectory() as folder:
        bert = write_bert(Path(folder) / "bert", options.model)
        reference, *modes = options.modes.split(",")
        first = build(reference, options, bert)
        others = {mode: build(mode, options, bert, first.state_dict()) for mode in modes}
    for model in (first, *others.values()):
        model.to(torch.get_default_dtype())
    if not options.double:
        others["disturbed"] = disturbed(first)
    print("| classes | boxes an image | modules | losses differ by | gradients | most in |")
    print("|---|---|---|---|---|---|")
    size = (options.size, options.size)
    for classes in options.classes:
        for boxes in BOXES:
            names = class_names(classes)
            inputs, samples = crowded_batch(options.batch, size, boxes, names, torch.device("cpu"))
            batch = inputs.to(torch.get_default_dtype()), samples
            chosen: list[Tensor] = []
            with same_queries(chosen):
                losses, gradients = losses_and_gradients(first, batch)
                for mode, model in others.items():
                    found, steps = losses_and_gradients(model, batch)
                    loss, _ = apart(found, losses)
                    step, where = apart(steps, gradients)
                    cells = (classes, boxes, mode, f"{loss:.1e}", f"{step:.1e}", where)
                    print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()
