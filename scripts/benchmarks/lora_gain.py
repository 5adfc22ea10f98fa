"""How much of the gain of --tune frozen LoRA reaches on the demo, in the same number of steps.

    python scripts/benchmarks/lora_gain.py WORK_FOLDER [--seed 0] [--lr-factor 2]

Trains the demo model twice on one generated data set (about four minutes on two CPU cores) and
compares the best validation mAP of both with that of the base weights.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from make_demo_data import write_dataset
from train_teacher.adapters.run_folder import RunFolder
from train_teacher.domain.run_summary import summarize_run

CLASSES = ("orange star", "purple ring", "white cross", "cyan diamond", "pink heart")
IMAGES = 160


def train(data: Path, output: Path, *options: object) -> tuple[float, float]:
    """Train once and return the mAP of the base weights and the best one."""
    fixed = ["--model", "demo", "--device", "cpu"]
    command = ["train-teacher", "--data", data, "--output", output, *fixed, *options]
    subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr)
    summary = summarize_run(RunFolder(output).read_metrics(), CLASSES)
    assert summary.before is not None
    assert summary.best is not None
    return summary.before.map, summary.best.map


def main() -> None:
    """Train both and print the share."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path, help="folder for pictures and both runs")
    parser.add_argument("--seed", type=int, default=0, help="of split, sampling and training")
    parser.add_argument("--lr-factor", type=float, default=2.0, help="lora_lr_factor")
    options = parser.parse_args()
    data = write_dataset(options.work / "data", IMAGES, 0, CLASSES)
    settings = options.work / "lora.yaml"
    settings.write_text(f"tune: lora\nlora_lr_factor: {options.lr_factor}\n")
    seed = ("--seed", options.seed)
    base, frozen = train(data, options.work / "frozen", *seed)
    _, lora = train(data, options.work / "lora", *seed, "--config", settings)
    share = (lora - base) / (frozen - base)
    print(f"base {base:.3f}, frozen {frozen:.3f}, lora {lora:.3f}: {share:.0%} of the gain")


if __name__ == "__main__":
    main()
