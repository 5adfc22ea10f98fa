"""Pictures a second that the training loader delivers, by worker processes; stock's beside it.

    python scripts/benchmarks/loader.py [--images 64] [--workers 0,1,2]

JPEGs of 1280 x 960 go through the recipe's scales (480 to 800) and crops. A step must not wait for
its batch: what `time / data_time` of a run's metrics.jsonl shows must stay far above one.
"""

from __future__ import annotations

import argparse
import copy
import io
import json
import os
import platform
import sys
import tempfile
import time
from contextlib import redirect_stdout
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmark_models import RECIPE, prepare_upstream
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from make_demo_data import DEMO_CLASSES, write_dataset

WIDTH, HEIGHT = 1280, 960
BATCH = 4


def write_photos(folder: Path, images: int) -> Path:
    """Write generated pictures, enlarged and with the noise of a photo; return their JSON."""
    path = write_dataset(folder, images, 0, DEMO_CLASSES)
    content = json.loads(path.read_text())
    noise = np.random.default_rng(0)
    for record in content["images"]:
        place = path.parent / "images" / record["file_name"]
        with Image.open(place) as picture:
            wide, high = WIDTH / picture.width, HEIGHT / picture.height
            pixels = np.asarray(picture.convert("RGB").resize((WIDTH, HEIGHT)), np.float32)
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


def our_loader(data: Path, folder: Path) -> Any:
    """Return the config of the loader that `train-teacher` generates."""
    from train_teacher.adapters import mmengine_config, run_folder
    from train_teacher.application.train_teacher import plan_training, read_layers

    values = {"data": str(data), "output": str(folder), "model": "demo", "batch_size": BATCH}
    scales = {"train_scales": [[side, 1333] for side in range(480, 801, 32)], "random_crop": True}
    plan = plan_training(read_layers({**values, **scales, "device": "cpu"}, None), dry_run=True)
    run_folder.create(plan.folder)
    plan.manager.write_splits(plan.folder.data)
    return mmengine_config.build_config(plan.generated).train_dataloader


def stock_loader(ours: Any) -> Any:
    """Return the recipe's loader for the same pictures and labels."""
    from mmengine.config import Config

    from train_teacher.adapters.mmengine_config import find_base_config

    recipe = Config.fromfile(find_base_config(RECIPE))
    dataset = copy.deepcopy(ours.dataset.dataset)
    dataset.pipeline = recipe.train_pipeline
    loader = copy.deepcopy(ours)
    loader.dataset = dataset
    loader.batch_sampler = {"type": "AspectRatioBatchSampler"}
    return loader


def pictures_a_second(config: Any, workers: int, images: int) -> float:
    """Go through the pictures once, after the first batch."""
    from mmengine.runner import Runner

    own = copy.deepcopy(config)
    own.num_workers, own.persistent_workers = workers, workers > 0
    with redirect_stdout(io.StringIO()):
        loader = Runner.build_dataloader(own, seed=0)
    batches = iter(loader)
    next(batches)
    started, seen = time.perf_counter(), 0
    while seen < images:
        batch = next(batches, None)
        if batch is None:
            break
        seen += len(batch["inputs"])
    return seen / (time.perf_counter() - started)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--workers", default="0,1,2")
    options = parser.parse_args()
    prepare_upstream("cpu")
    with tempfile.TemporaryDirectory() as name:
        data = write_photos(Path(name) / "data", options.images)
        ours = our_loader(data, Path(name) / "run")
        cases = {"stock": stock_loader(ours), "ours": ours}
        print(
            f"{WIDTH} x {HEIGHT}, batch {BATCH}, {platform.machine()}, {os.cpu_count()} cores, "
            f"torch {torch.__version__}, {datetime.now(timezone.utc):%Y-%m-%d}\n"
        )
        print("| workers | stock, pictures a second | ours |\n|---|---|---|")
        for workers in map(int, options.workers.split(",")):
            found = [pictures_a_second(case, workers, options.images) for case in cases.values()]
            print(f"| {workers} | {found[0]:.1f} | {found[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
