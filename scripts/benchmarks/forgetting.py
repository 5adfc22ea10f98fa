"""Forgetting of other objects by recipe, with and without negatives, and along their blends.

    python scripts/benchmarks/forgetting.py WORK

WORK is that of few_shot.py: the runs of seed 1 with 10 boxes a class in the near domain are its,
and trained here where it has not got so far. Each is repeated with `negatives`, words for what is
in no image of either set, and every run's blends with the base are scored by `teacher blend` on
the validation set and on 40 images of other classes that the base knew.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

from few_shot import VARIANTS, Cell, test_set, trained

SEED, DOMAIN, SHOTS = 1, "near", 10
NEGATIVES = ("red square", "green circle", "blue triangle", "black ring", "gray heart")


def blends(work: Path, cell: Cell) -> dict[str, Any]:
    """Return the curve of a run's blends, scored once."""
    path = work / "blends" / f"{cell.name}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        command = ["teacher", "blend", work / "runs" / cell.name, "--device", "cpu"]
        command += ["--retain", test_set(work, "known").path, "--format", "json"]
        asked = [str(part) for part in command]
        told = subprocess.run(asked, check=True, stdout=subprocess.PIPE).stdout
        path.write_bytes(told)
    curve: dict[str, Any] = json.loads(path.read_bytes())
    return curve


def row(variant: str, scores: dict[str, Any], curve: dict[str, Any], *, negatives: bool) -> str:
    """Return a line of the table."""
    points = [f"{p['validation']:.3f} / {p['retained']:.3f}" for p in curve["points"][1:]]
    tested = f"{scores['map']:.3f} / {scores['known']:.3f}"
    with_ = "yes" if negatives else "no"
    return f"| {variant} | {with_} | {tested} | {' | '.join(points)} | {curve['chosen']:g} |"


def main() -> None:
    """Train and score what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path, help="folder of few_shot.py")
    work: Path = parser.parse_args().work
    (work / "results").mkdir(parents=True, exist_ok=True)
    rows = []
    for variant, negatives in product(VARIANTS, (False, True)):
        cell = Cell(SEED, DOMAIN, SHOTS, variant, NEGATIVES if negatives else ())
        scores, curve = trained(work, cell), blends(work, cell)
        rows.append(row(variant, scores, curve, negatives=negatives))
        print(rows[-1], flush=True)
    base = curve["points"][0]
    print(f"\nalpha 0, the base: {base['validation']:.3f} / {base['retained']:.3f}\n")
    print("| | negatives | test / other | alpha 0.25 | 0.5 | 0.75 | 1 | auto |")
    print("|---" * 8 + "|", *rows, sep="\n")


if __name__ == "__main__":
    main()
