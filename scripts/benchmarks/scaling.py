"""Cost of a training step as images, classes, objects, batch and processes grow.

python scripts/benchmarks/scaling.py                      # all of them, counts only, Swin-T
python scripts/benchmarks/scaling.py --vary classes --steps 10

The official recipe and ours side by side, one thing changed at a time: FLOPs, host-device syncs,
bytes kept for the backward pass, trained parameters; and, with --steps, the median time of a step
in turns (and of processes that share this machine's cores and average their gradients through gloo:
on CPU only, so with --device cuda `processes` is not varied).
Counts do not depend on the machine's load; see train_step.py for how they are taken.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from benchmark_models import backends, class_names, write_bert
from mode_process import ModeProcess
from train_step import WARM_UP, build_case, machine, time_in_turns

START = {"size": 512, "classes": 3, "boxes": 5, "batch": 1}
VALUES = {
    "size": (256, 512, 768),
    "classes": (3, 20, 80),
    "boxes": (1, 5, 50),
    "batch": (1, 2, 4),
    "processes": (1, 2),
}
MODES = ("stock", "frozen", "lora")


@dataclass
class Row:
    """Costs of one mode at one point."""

    varied: str
    value: int
    mode: str
    trained_millions: float = 0.0
    gflop: float = 0.0
    host_reads: int = 0
    kept_mib: float = 0.0
    median: float | None = None


def point(options: argparse.Namespace, varied: str, value: int) -> argparse.Namespace:
    """Return the options of one point."""
    own = copy.copy(options)
    vars(own).update({**START, "size": options.size})
    if varied != "processes":
        setattr(own, varied, value)
    own.names = class_names(own.classes)
    return own


def measure_point(own: argparse.Namespace, varied: str, value: int, bert: Path) -> list[Row]:
    """Count every mode, one model in memory at a time unless they are timed: then in turns."""
    rows = []
    cases: list[ModeProcess] = []
    for mode in own.modes:
        case = ModeProcess(build_case, mode, own, bert)
        case.count()
        found = case.measured
        rows.append(
            Row(
                varied,
                value,
                mode,
                found.trained_millions,
                found.gflop,
                found.host_reads,
                found.kept_mib,
            )
        )
        if own.steps:
            cases.append(case)
        else:
            case.end()
    time_in_turns(cases, own.steps)
    for row, case in zip(rows, cases, strict=False):
        row.median = case.measured.median
        case.end()
    return rows


def be_a_process(
    rank: int, processes: int, mode: str, folder: Path, own: argparse.Namespace
) -> None:
    """Train as one of several processes; the first writes the median step time."""
    from torch import distributed
    from torch.nn.parallel import DistributedDataParallel

    own.threads = max(1, (os.cpu_count() or 1) // processes)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder / f'meet-{mode}'}", rank=rank, world_size=processes
    )
    case = build_case(mode, own, folder / "bert")
    detector = case.model
    case.model = _Distributed(DistributedDataParallel(_Loss(detector)), detector)
    seconds = [case.timed_step()[0] for _ in range(own.steps + WARM_UP)][WARM_UP:]
    if rank == 0:
        (folder / f"{mode}.json").write_text(json.dumps(statistics.median(seconds)))
    distributed.destroy_process_group()


class _Loss(torch.nn.Module):
    """Makes the loss the forward pass, which is what DistributedDataParallel watches."""

    def __init__(self, detector: torch.nn.Module) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, inputs: Any, samples: Any) -> Any:
        return self.detector.loss(inputs, samples)  # type: ignore[operator]


class _Distributed:
    """The interface of a model for `Case.step`."""

    def __init__(self, wrapped: Any, detector: Any) -> None:
        self.loss = wrapped
        self.parse_losses = detector.parse_losses


def time_processes(own: argparse.Namespace, processes: int, folder: Path) -> dict[str, float]:
    """Return the median step time by mode of several processes on this machine."""
    found = {}
    for mode in own.modes:
        (folder / f"meet-{mode}").unlink(missing_ok=True)
        (folder / "options.json").write_text(json.dumps(_plain(own)))
        command = [sys.executable, str(Path(__file__).resolve()), "--be-a-process"]
        workers = [
            subprocess.Popen([*command, str(rank), str(processes), mode, str(folder)])
            for rank in range(processes)
        ]
        codes = [worker.wait() for worker in workers]
        if any(codes):
            raise SystemExit(f"{mode}: one of {processes} processes failed")
        found[mode] = json.loads((folder / f"{mode}.json").read_text())
    return found


def _plain(own: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name, value in vars(own).items() if not isinstance(value, Path)}


def measure(options: argparse.Namespace) -> list[Row]:
    """Go through everything that varies."""
    rows: list[Row] = []
    known: dict[str, list[Row]] = {}
    with tempfile.TemporaryDirectory() as name:
        bert = write_bert(Path(name) / "bert", options.model)
        for varied in options.vary:
            for value in VALUES[varied]:
                own = point(options, varied, value)
                key = json.dumps([getattr(own, part) for part in START])
                if key not in known:
                    known[key] = measure_point(own, varied, value, bert)
                found = [
                    Row(**{**asdict(row), "varied": varied, "value": value}) for row in known[key]
                ]
                if varied == "processes":
                    for row in found:
                        row.median = None
                    if own.steps:
                        times = time_processes(own, value, Path(name))
                        for row in found:
                            row.median = times[row.mode]
                rows += found
                print(f"{varied} {value}: done", file=sys.stderr, flush=True)
    return rows


def table(rows: list[Row], options: argparse.Namespace) -> str:
    """Return a Markdown table with machine and date; a ratio is to the first value's."""
    start = ", ".join(f"{name} {value}" for name, value in {**START, "size": options.size}.items())
    lines = [
        f"{options.model}, {start} unless varied, {options.precision}, {machine(options)}",
        backends(options.device),
        "",
        "| varied | mode | trained M | GFLOP | times | host-device syncs | times | kept MiB "
        "| times | median s | times |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    first: dict[tuple[str, str], Row] = {}
    for row in rows:
        start_row = first.setdefault((row.varied, row.mode), row)
        seconds = ("-", "-")
        if row.median and start_row.median:
            seconds = (f"{row.median:.3f}", f"{row.median / start_row.median:.2f}")
        lines.append(
            f"| {row.varied} {row.value} | {row.mode} | {row.trained_millions:.1f} "
            f"| {row.gflop:.0f} | {row.gflop / start_row.gflop:.2f} "
            f"| {row.host_reads} | {row.host_reads / max(start_row.host_reads, 1):.2f} "
            f"| {row.kept_mib:.0f} | {row.kept_mib / start_row.kept_mib:.2f} "
            f"| {seconds[0]} | {seconds[1]} |"
        )
    return "\n".join(lines)


def read_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="swin-t", help="swin-t, swin-b, swin-l or demo")
    parser.add_argument("--vary", help=f"of {', '.join(VALUES)}; all, unless given")
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--size", type=int, default=START["size"], help="where it does not vary")
    parser.add_argument("--steps", type=int, default=0, help="timed steps of each mode; 0: none")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=("fp32", "bf16", "fp16"), default="fp32")
    parser.add_argument("--checkpoint-layers", type=int, default=0, help="ours recompute")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path, help="also write the figures there")
    options = parser.parse_args()
    on_cpu_only = () if options.device == "cpu" else ("processes",)
    everything = [name for name in VALUES if name not in on_cpu_only]
    options.vary = options.vary.split(",") if options.vary else everything
    options.modes = options.modes.split(",")
    unknown = sorted({*options.vary} - {*VALUES}) + sorted({*options.modes} - {*MODES})
    if unknown:
        parser.error(f"{', '.join(unknown)}: known are {', '.join((*VALUES, *MODES))}")
    if refused := sorted({*options.vary} & {*on_cpu_only}):
        parser.error(f"--vary {','.join(refused)}: measured with --device cpu only")
    return options


def main() -> None:
    """Measure and print, or be one of several processes."""
    if sys.argv[1:2] == ["--be-a-process"]:
        rank, processes, mode, folder = sys.argv[2:]
        values = json.loads((Path(folder) / "options.json").read_text())
        own = argparse.Namespace(**values)
        own.names = tuple(own.names)
        be_a_process(int(rank), int(processes), mode, Path(folder), own)
        return
    options = read_options()
    started = time.monotonic()
    rows = measure(options)
    print(table(rows, options))
    print(f"\nThis took {time.monotonic() - started:.0f} s.", file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
