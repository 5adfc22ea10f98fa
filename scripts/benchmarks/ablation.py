"""Gain of each rewrite of MMDetection's modules: all of them but one, everything else equal.

python scripts/benchmarks/ablation.py --tunes frozen,lora --classes 3,80 --steps 5

Swin-T (--model) with random weights and kept memory in every row. FLOPs, host-device syncs,
ATen calls and bytes kept for the backward pass are counted without the rewrite and as a share of
the step with all of them; seconds are CPU time of a step, medians in turns with the full set,
each row in a process of its own. `--steps 0` counts only. `own modules` leaves out all of them at
once.

A rewrite without which neither FLOPs, reads, calls nor kept bytes grow by 2 % of the step brings
nothing that can be counted: it is marked, and has to earn its place on a GPU or go.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import torch
from benchmark_models import WITHOUT, class_names, write_bert
from mode_process import ModeProcess
from train_step import Measured, build_case, machine, time_in_turns

from train_teacher.core.rewrites import LORA_PRODUCT, REWRITES

LEAST = 0.02
"""Share of the step that a rewrite has to save of something."""


def rows_of(tune: str) -> list[str]:
    """Return the modes of a table; the first has every rewrite."""
    names = (*REWRITES, *((LORA_PRODUCT,) if tune == "lora" else ()), "optimizer")
    return [tune, *(f"{tune}{WITHOUT}{name}" for name in names), f"{tune}-plain-kept"]


def figures(measured: Measured) -> dict[str, float]:
    """Return what is counted of a step, by name."""
    return {
        "GFLOP": measured.gflop,
        "host-device syncs": measured.host_reads,
        "ATen calls": measured.calls,
        "kept MiB": measured.kept_mib,
        "syncs predicting": measured.predicting_reads,
        "calls predicting": measured.predicting_calls,
    }


def grown(without: Measured, full: Measured) -> dict[str, float]:
    """Return by how much of the full step each figure grows without a rewrite."""
    before = figures(full)
    return {n: value / max(before[n], 1e-9) - 1 for n, value in figures(without).items()}


def verdict(without: Measured, full: Measured) -> str:
    """Say what a rewrite saves at least 2 % of, or that it saves nothing that is counted."""
    saved = [name for name, share in grown(without, full).items() if share >= LEAST]
    return ", ".join(saved) or "nothing that is counted"


def measure(tune: str, options: argparse.Namespace, bert: Path) -> list[Measured]:
    """Measure every row beside the full set, two processes at a time."""
    first, *others = rows_of(tune)
    full = ModeProcess(build_case, first, options, bert)
    full.count()
    found = []
    for mode in others:
        case = ModeProcess(build_case, mode, options, bert)
        case.count()
        time_in_turns([full, case], options.steps)
        found.append(case.measured)
        print(mode, figures(case.measured), case.measured.median, file=sys.stderr, flush=True)
        case.end()
    full.end()
    return [full.measured, *found]


def table(rows: list[Measured], options: argparse.Namespace) -> str:
    """Return a Markdown table with machine and date."""
    full = rows[0]
    lines = [
        f"{full.mode}, {options.model}, {len(options.names)} classes, {options.batch} x "
        f"{options.size} x {options.size}, {machine(options)}",
        "",
        f"| without | {' | '.join(figures(full))} | median s | saves |",
        "|---" * (len(figures(full)) + 3) + "|",
    ]
    for row in rows:
        name = row.mode.partition(WITHOUT)[2] or ("own modules" if row is not full else "nothing")
        shares = grown(row, full)
        shown = [
            f"{value:,.0f}" + (f" ({shares[key]:+.1%})" if row is not full else "")
            for key, value in figures(row).items()
        ]
        seconds = "-" if row.median is None else f"{row.median:.2f}"
        what = "-" if row is full else verdict(row, full)
        lines.append(f"| {name} | {' | '.join(shown)} | {seconds} | {what} |")
    return "\n".join(lines)


def read_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tunes", default="frozen,lora")
    parser.add_argument("--classes", default="3,80")
    parser.add_argument("--model", default="swin-t", help="swin-t, swin-b, swin-l or demo")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--boxes", type=int, default=5)
    parser.add_argument("--steps", type=int, default=5, help="timed steps of each row; 0: none")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=("fp32", "bf16", "fp16"), default="fp32")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    options.checkpoint_layers = 0
    return options


def main() -> None:
    """Measure and print."""
    options = read_options()
    with tempfile.TemporaryDirectory() as folder:
        bert = write_bert(Path(folder) / "bert", options.model)
        for classes in map(int, options.classes.split(",")):
            options.names = class_names(classes)
            for tune in options.tunes.split(","):
                print(table(measure(tune, options, bert), options), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
