"""Gain of LoRA beside that of --tune frozen on the demo, and the forgetting of both.

    python scripts/benchmarks/lora_gain.py WORK_FOLDER [--seed 0] [--lr-factor 2]

Trains the demo model twice on one generated data set, in the same number of steps (about four
minutes on two CPU cores), and compares the best validation mAP of both with that of the base
weights. Both are also scored on images of other classes that the base knows (--retain).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from make_demo_data import write_dataset
from train_teacher.reports.facts import RunReport
from train_teacher.runs.folder import RunFolder
from train_teacher.scores.coco_scores import CocoScores

CLASSES = ("orange star", "purple ring", "white cross", "cyan diamond", "pink heart")
IMAGES = 160
OTHER_CLASSES = ("red circle", "green triangle", "blue square", "yellow star")
OTHER_IMAGES = 80


def train(data: Path, retained: Path, output: Path, *options: object) -> RunReport:
    """Train once and return what came of it."""
    fixed = ["--model", "demo", "--device", "cpu", "--retain", retained]
    command = ["train-teacher", "--data", data, "--output", output, *fixed, *options]
    subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr)
    return msgspec.json.decode(RunFolder(output).results.read_bytes(), type=RunReport)


def best(report: RunReport) -> float:
    """Return the best mAP of a run."""
    assert report.summary.best is not None
    return report.summary.best.map


def tell(name: str, score: float, known: CocoScores, before: CocoScores) -> None:
    """Print one row."""
    kept, was = known.average_precision or 0.0, before.average_precision or 0.0
    print(f"| {name} | {score:.3f} | {kept:.3f} | {was - kept:.3f} |")


def main() -> None:
    """Train both and print the share."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path, help="folder for images and both runs")
    parser.add_argument("--seed", type=int, default=0, help="of split, sampling and training")
    parser.add_argument("--lr-factor", type=float, default=2.0, help="lora_lr_factor")
    options = parser.parse_args()
    data = write_dataset(options.work / "data", IMAGES, 0, CLASSES)
    settings = options.work / "lora.yaml"
    settings.write_text(f"tune: lora\nlora_lr_factor: {options.lr_factor}\n")
    other = write_dataset(options.work / "other", OTHER_IMAGES, 99, OTHER_CLASSES)
    seed = ("--seed", options.seed)
    frozen = train(data, other, options.work / "frozen", *seed)
    lora = train(data, other, options.work / "lora", *seed, "--config", settings)
    assert lora.summary.before is not None
    assert lora.retained is not None
    assert frozen.retained is not None
    base, before = lora.summary.before.map, lora.retained.before
    share = (best(lora) - base) / (best(frozen) - base)
    print("| | mAP on its own classes | mAP on other classes | drop |\n|---|---|---|---|")
    tell("base, zero-shot", base, before, before)
    tell("frozen", best(frozen), frozen.retained.after, before)
    tell("LoRA", best(lora), lora.retained.after, before)
    off = "the base's, bit for bit" if lora.retained.adapter_off_equal else "not the base's"
    print(f"LoRA: {share:.0%} of frozen's gain; with the adapter off the detections are {off}")


if __name__ == "__main__":
    main()
