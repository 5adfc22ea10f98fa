"""Train the demo's base checkpoint from scratch and store it in half precision.

    python scripts/train_demo_base.py WORK_FOLDER

It learns twelve colored shapes, none of which the demo's data set has, with everything trainable,
in about ten minutes on two CPU cores, and writes configs/demo/demo_base.pth.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
from make_demo_data import write_dataset
from train_teacher.mmdet_plugin.checkpoints.hook import trust_mmengine_types

TARGET = Path(__file__).resolve().parent.parent / "configs" / "demo" / "demo_base.pth"
COLOURS = ("red", "green", "blue", "yellow")
SHAPES = ("circle", "square", "triangle")
CLASSES = tuple(f"{colour} {shape}" for colour in COLOURS for shape in SHAPES)
TRAIN_IMAGES, TRAIN_SEED = 800, 100
VAL_IMAGES, VAL_SEED = 60, 101
SETTINGS = """tune: full
weights: none
backbone_lr_factor: 1.0
lr: 4e-4
epochs: 9
"""


def train(work: Path) -> Path:
    """Generate the images, run train-teacher on them, return its best checkpoint."""
    train_json = write_dataset(work / "train", TRAIN_IMAGES, TRAIN_SEED, CLASSES)
    val_json = write_dataset(work / "val", VAL_IMAGES, VAL_SEED, CLASSES)
    settings = work / "settings.yaml"
    settings.write_text(SETTINGS)
    paths = ["--data", train_json, "--val", val_json, "--config", settings]
    command = ["train-teacher", *paths, "--model", "demo", "--output", work / "run"]
    subprocess.run([str(part) for part in command], check=True)
    return work / "run" / "checkpoints" / "best.pth"


def store_half(checkpoint: Path, target: Path) -> None:
    """Write the weights alone, 16 bits a number."""
    trust_mmengine_types()
    weights = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    half = {name: tensor.half() for name, tensor in weights.items()}
    meta = {"description": "demo base of train-teacher: 12 colored shapes", "seed": TRAIN_SEED}
    torch.save({"state_dict": half, "meta": meta}, target)
    print(f"{target}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path, help="folder for images and the run")
    store_half(train(parser.parse_args().work), TARGET)
