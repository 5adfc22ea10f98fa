"""Images a second that the training loader delivers, by worker processes; stock's beside it.

    python scripts/benchmarks/loader.py [--images 64] [--workers 0,1,2] [--steps 20]
    python scripts/benchmarks/loader.py --device cuda --model swin-t --workers 0,2,8

JPEGs of 1280 x 960 go through the recipe's scales (480 to 800) and crops. Stock and ours take
turns, with the same seed; each pass first takes the batches that were made before the clock, then
goes through as many epochs as it needs. The last columns are of a training run of --steps steps
with as many processes: what a step took and how much of it was waiting for its batch (`data_time`).
That run takes minutes; the demo model's steps are the shortest there are, so that a real one waits
for a smaller part of its steps.
"""

from __future__ import annotations

import argparse
import copy
import io
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmark_models import RECIPE, prepare_upstream, write_bert
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from make_demo_data import DEMO_CLASSES, write_dataset

WIDTH, HEIGHT = 1280, 960
BATCH = 4
SEED = 0
MADE_AHEAD = 2
"""Batches a worker process makes before somebody asks (PyTorch's prefetch_factor)."""
TIMES_MADE_AHEAD = 4
"""So many times more are counted than can have been made ahead."""
LEAST_STEPS = 20
"""Logged numbers are means of ten steps, and the first ten have the start in them."""


def write_photos(folder: Path, images: int) -> Path:
    """Write generated images, enlarged and with the noise of a photo; return their JSON."""
    path = write_dataset(folder, images, 0, DEMO_CLASSES)
    content = json.loads(path.read_text())
    noise = np.random.default_rng(0)
    for record in content["images"]:
        place = path.parent / "images" / record["file_name"]
        with Image.open(place) as image:
            wide, high = WIDTH / image.width, HEIGHT / image.height
            pixels = np.asarray(image.convert("RGB").resize((WIDTH, HEIGHT)), np.float32)
        pixels += noise.normal(0, 8, pixels.shape)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(place, quality=90)
        record["width"], record["height"] = WIDTH, HEIGHT
        for label in content["annotations"]:
            if label["image_id"] == record["id"]:
                x, y, width, height = label["bbox"]
                label["bbox"] = [x * wide, y * high, width * wide, height * high]
                label["area"] = width * wide * height * high
                label.pop("segmentation", None)
    path.write_text(json.dumps(content))
    return path


def settings_for(options: argparse.Namespace, data: Path, folder: Path) -> dict[str, Any]:
    """Return what a user would set."""
    values = {
        "data": str(data),
        "output": str(folder / "run"),
        "model": options.model,
        "batch_size": BATCH,
        "train_scales": [[side, 1333] for side in range(480, 801, 32)],
        "random_crop": True,
        "device": options.device,
    }
    if options.model != "demo":
        bert = folder / "bert"
        if not bert.exists():
            write_bert(bert)
        values |= {"weights": "none", "language_model": str(bert)}
    return values


def our_loader(values: dict[str, Any]) -> Any:
    """Return the config of the loader that `train-teacher` generates."""
    from train_teacher.config import merge
    from train_teacher.settings.read import read_layers
    from train_teacher.training.plan import plan_training

    plan = plan_training(read_layers(values, None), dry_run=True)
    plan.folder.data.mkdir(parents=True)
    plan.manager.write_splits(plan.folder.data)
    return merge.build_config(plan.generated).train_dataloader


def stock_loader(ours: Any) -> Any:
    """Return the recipe's loader for the same images and labels."""
    from mmengine.config import Config

    from train_teacher.config.merge import find_base_config

    recipe = Config.fromfile(find_base_config(RECIPE))
    dataset = copy.deepcopy(ours.dataset.dataset)
    dataset.pipeline = recipe.train_pipeline
    loader = copy.deepcopy(ours)
    loader.dataset = dataset
    loader.batch_sampler = {"type": "AspectRatioBatchSampler"}
    return loader


def images_a_second(config: Any, workers: int, images: int) -> float:
    """Go through at least so many images, in as many epochs as that takes."""
    from mmengine.runner import Runner

    own = copy.deepcopy(config)
    own.num_workers, own.persistent_workers = workers, workers > 0
    random.seed(SEED)
    np.random.seed(SEED)
    torch.manual_seed(SEED)
    with redirect_stdout(io.StringIO()):
        loader = Runner.build_dataloader(own, seed=SEED)
    batches = endless(loader)
    made_before = MADE_AHEAD * workers + 1
    for _ in range(made_before):
        next(batches)
    started, seen = time.perf_counter(), 0
    while seen < max(images, TIMES_MADE_AHEAD * MADE_AHEAD * workers * BATCH):
        seen += len(next(batches)["inputs"])
    return seen / (time.perf_counter() - started)


def endless(loader: Any) -> Iterator[Any]:
    """Yield the batches of one epoch after the other."""
    while True:
        yield from loader


def speeds(cases: dict[str, Any], workers: int, options: argparse.Namespace) -> dict[str, float]:
    """Return each case's median of passes in turns, each round begun by another."""
    found: dict[str, list[float]] = {name: [] for name in cases}
    names = list(cases)
    for turn in range(options.rounds):
        first = turn % len(names)
        for name in (*names[first:], *names[:first]):
            found[name].append(images_a_second(cases[name], workers, options.images))
    return {name: statistics.median(values) for name, values in found.items()}


def step_and_data_time(values: dict[str, Any], workers: int, steps: int) -> tuple[float, float]:
    """Train; return the seconds of one of the last steps and those it waited for its batch."""
    run = Path(f"{values['output']}-{workers}")
    own = {**values, "output": str(run), "workers": workers, "steps": steps}
    settings = run.with_suffix(".json")  # JSON is YAML
    settings.write_text(json.dumps({**own, "evaluate_before": False}))
    program = "from train_teacher.cli.main import train_teacher; train_teacher()"
    command = [sys.executable, "-c", program, "--config", str(settings)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the training run failed:\n{done.stderr}")
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    last = [line for line in lines if line["kind"] == "train"][-1]
    return last["time"], last["data_time"]


def read_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=64, help="to generate, and least to count")
    parser.add_argument("--workers", default="0,1,2")
    parser.add_argument("--rounds", type=int, default=3, help="passes of each, in turns")
    parser.add_argument("--steps", type=int, default=20, help="of a training run; 0: none")
    parser.add_argument("--model", choices=("demo", "swin-t"), default="demo")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    options = parser.parse_args()
    if 0 < options.steps < LEAST_STEPS:
        parser.error(f"--steps {options.steps}: 0, or at least {LEAST_STEPS}")
    return options


def main() -> None:
    """Measure and print."""
    options = read_options()
    prepare_upstream()
    with tempfile.TemporaryDirectory() as name:
        data = write_photos(Path(name) / "data", options.images)
        values = settings_for(options, data, Path(name))
        ours = our_loader(values)
        cases = {"stock": stock_loader(ours), "ours": ours}
        print(
            f"{WIDTH} x {HEIGHT}, batch {BATCH}, median of {options.rounds} passes in turns; steps "
            f"of {options.model} on {options.device}, {platform.machine()}, {os.cpu_count()} "
            f"cores, torch {torch.__version__}, {datetime.now(timezone.utc):%Y-%m-%d}\n"
        )
        print("| workers | stock, images a second | ours | step s | waits for data | of step |")
        print("|---|---|---|---|---|---|")
        for workers in map(int, options.workers.split(",")):
            found = speeds(cases, workers, options)
            cells = ["-"] * 3
            if options.steps:
                step, data_time = step_and_data_time(values, workers, options.steps)
                cells = [f"{step:.3f}", f"{data_time:.4f}", f"{100 * data_time / step:.1f} %"]
            print(
                f"| {workers} | {found['stock']:.1f} | {found['ours']:.1f} | {' | '.join(cells)} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
