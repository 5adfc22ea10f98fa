"""Time inspect-data on large annotation files beside other tools, in one run.

python scripts/benchmarks/inspect_speed.py --peers VENV VENV --sizes 10 40 420

Every command is a fresh process on a file that was just written (warm cache). The tools take
turns, so that other work on the machine meets all of them; wall time is the best of --repeat
rounds, memory the highest sum over the process and its children (proportional set size, so that
pages shared between them count once). Python may keep its bytecode, as pip's installations do.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from subprocess import DEVNULL

from make_large_coco import write

ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
FULL_IMAGES, FULL_ANNOTATIONS, FULL_MEGABYTES = 118_287, 860_001, 420
POLL_SECONDS = 0.02


def wall_seconds(command: Sequence[str]) -> tuple[float, int]:
    """Return wall seconds and exit code."""
    started = time.perf_counter()
    code = subprocess.run(
        command, stdout=DEVNULL, stderr=DEVNULL, check=False, env=ENVIRONMENT
    ).returncode
    return time.perf_counter() - started, code


def peak_megabytes(command: Sequence[str]) -> float:
    """Return the peak memory of the process tree; a run of its own, since looking slows it down."""
    process = subprocess.Popen(command, stdout=DEVNULL, stderr=DEVNULL, env=ENVIRONMENT)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, sum(_megabytes(pid) for pid in _tree(process.pid)))
        time.sleep(POLL_SECONDS)
    return peak


def _tree(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(p for child in children for p in _tree(int(child)))]


def _megabytes(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1000
    except OSError:
        pass
    return 0.0


def commands(file: Path, peers: Sequence[Path]) -> dict[str, list[str]]:
    """Return what is run, by name."""
    own = str(Path(sys.executable).parent / "inspect-data")
    load = "import sys, json; json.load(open(sys.argv[1]))"
    coco = "import sys; from pycocotools.coco import COCO; COCO(sys.argv[1])"
    found = {
        "inspect-data": [own, str(file), "--no-images"],
        "json.load": [sys.executable, "-c", load, str(file)],
        "pycocotools COCO()": [sys.executable, "-c", coco, str(file)],
    }
    for name, program, arguments in (
        ("hotcoco: coco healthcheck", "coco", ["healthcheck", str(file)]),
        ("panlabel validate", "panlabel", ["validate", "--format", "coco", str(file)]),
        (
            "datumaro validate",
            "datum",
            ["validate", "-t", "detection", f"{file.parent.parent}:coco"],
        ),
    ):
        for folder in peers:
            if (folder / "bin" / program).exists():
                found[name] = [str(folder / "bin" / program), *arguments]
    return found


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "--peers", type=Path, nargs="*", default=[], help="virtual environments with other tools"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 40, FULL_MEGABYTES])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--tools", nargs="*", default=[""], help="parts of names; all by default")
    parser.add_argument("--no-memory", action="store_true", help="time only")
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, Python {sys.version[:6]}")
    print("\n| file | tool | wall s | peak MB | exit code |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for size in arguments.sizes:
            share = size / FULL_MEGABYTES
            # datumaro wants the file in a folder of this name.
            file = Path(folder) / str(size) / "annotations" / "instances_train.json"
            file.parent.mkdir(parents=True)
            write(file, int(FULL_IMAGES * share), int(FULL_ANNOTATIONS * share))
            tools = {
                name: command
                for name, command in commands(file, arguments.peers).items()
                if any(part in name for part in arguments.tools)
            }
            rounds = [
                {name: wall_seconds(command) for name, command in tools.items()}
                for _ in range(arguments.repeat)
            ]
            for name, command in tools.items():
                wall, code = min(taken[name] for taken in rounds)
                peak = "" if arguments.no_memory else f"{peak_megabytes(command):.0f}"
                size_told = f"{file.stat().st_size / 1e6:.0f} MB"
                print(f"| {size_told} | {name} | {wall:.2f} | {peak} | {code} |", flush=True)
            file.unlink()


if __name__ == "__main__":
    main()
