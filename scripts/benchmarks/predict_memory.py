"""Label thousands of images, interrupted once: memory over time, and no image twice.

    python scripts/benchmarks/predict_memory.py WORK_FOLDER [--images 2000] [--run RUN]

Runs `teacher predict` as a user does, on CPU, on generated images; sends it SIGINT at 40 % and
repeats the command. Memory is the proportional set size of the process and its loaders, read from
/proc (Linux). Without --run a demo run of one epoch is trained first.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from make_demo_data import DEMO_CLASSES, write_dataset

INTERRUPT_AT = 0.4
PARTS = 10
KIB_PER_MIB = 1024


def train(work: Path) -> Path:
    """Train a teacher for one epoch."""
    data = write_dataset(work / "data", 24, 0, DEMO_CLASSES)
    fixed = ["--model", "demo", "--device", "cpu", "--epochs", "1"]
    command = ["train-teacher", "--data", str(data), "--output", str(work / "run"), *fixed]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return work / "run"


def processes(root: int) -> Iterator[int]:
    """Yield a process and everything below it."""
    yield root
    for task in Path(f"/proc/{root}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from processes(int(child))


def memory(root: int) -> float:
    """Return the MiB of a process and its children, shared pages counted once."""
    total = 0
    for process in processes(root):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return total / KIB_PER_MIB


def done(partial: Path) -> int:
    """Return how many images the command has written so far."""
    return max(0, partial.read_bytes().count(b"\n") - 1) if partial.exists() else 0


def watch(command: list[str], partial: Path, stop_at: int | None) -> dict[int, float]:
    """Run the command to its end, or interrupt it, and return the most memory by images done."""
    seen: dict[int, float] = {}
    with subprocess.Popen(command, stdout=sys.stderr) as process:
        while process.poll() is None:
            images = done(partial)
            if images:
                seen[images] = max(seen.get(images, 0.0), memory(process.pid))
            if stop_at is not None and images >= stop_at:
                process.send_signal(signal.SIGINT)
                process.wait()
            time.sleep(0.2)
    expected = 0 if stop_at is None else 130
    if process.returncode != expected:
        raise SystemExit(f"{' '.join(command)}: ended with {process.returncode}")
    return seen


def check(output: Path, images: int) -> int:
    """Return the number of boxes; refuse an image that is there twice or not at all."""
    content = json.loads(output.read_text())
    names = [image["file_name"] for image in content["images"]]
    if len(names) != images or len(set(names)) != images:
        raise SystemExit(f"{output}: {len(names)} images, {len(set(names))} names, not {images}")
    return len(content["annotations"])


def main() -> None:
    """Label, interrupt, go on, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path, help="folder for images and labels")
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--run", type=Path, help="run folder or bundle")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    run = options.run or train(options.work)
    images = write_dataset(options.work / "images", options.images, 1, DEMO_CLASSES).parent
    output = options.work / "labels.json"
    command = ["teacher", "predict", str(run), str(images / "images"), "--output", str(output)]
    command += ["--device", "cpu"]
    partial = output.with_name(f".{output.name}.partial")
    started = time.monotonic()
    first = watch(command, partial, int(INTERRUPT_AT * options.images))
    resumed_from = done(partial)
    second = watch(command, partial, None)
    seconds = time.monotonic() - started
    boxes = check(output, options.images)
    print(
        f"{options.images} images, {boxes} boxes, {seconds:.0f} s in all; interrupted at "
        f"{resumed_from} and repeated; every image once. {platform.machine()}, {os.cpu_count()} "
        f"cores, {datetime.now(timezone.utc):%Y-%m-%d}\n"
    )
    print("| images done | MiB, before and after the interruption |\n|---|---|")
    step = max(1, options.images // PARTS)
    for start in range(0, options.images, step):
        for name, seen in (("first", first), ("second", second)):
            here = [mib for count, mib in seen.items() if start < count <= start + step]
            if here:
                print(f"| {start} to {start + step} ({name}) | {max(here):.0f} |")


if __name__ == "__main__":
    main()
