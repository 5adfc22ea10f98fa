"""Peak memory of training steps, measured on a pretended GPU with shapes only (no GPU is needed).

    python scripts/benchmarks/memory_table.py swin-t frozen bf16 --batch 1 2 4 --layers 0 3 6

prints a row of src/train_teacher/config/memory.yaml: MiB by recomputed layers and batch. With
`--real` it is measured on this machine's GPU, to be held against that row.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from pretend_gpu.device import compiled, rehearse
from pretend_gpu.rehearse import rehearse_all

MIB = 2**20
SIZE, BOXES, CLASSES = (800, 1333), 20, 10


def cell(model: str, tune: str, precision: str, batch: int, layers: int) -> dict[str, Any]:
    """Return the case of one step."""
    return {
        "model": model, "tune": "frozen" if tune == "plain" else tune, "plain": tune == "plain",
        "precision": precision, "batch": batch,
        "recomputed": layers, "shapes_only": True, "size": SIZE, "boxes": BOXES,
        "classes": CLASSES,
    }  # fmt: skip


def main() -> None:
    """Measure one row in one process: its cells share the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("tune", choices=["plain", "frozen", "lora", "full"])
    parser.add_argument("precision", choices=["bf16", "fp16", "fp32"])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--layers", type=int, nargs="+", default=[0, 6])
    parser.add_argument("--real", action="store_true", help="on this machine's GPU")
    given = parser.parse_args()
    row = given.model, given.tune, given.precision
    cases = {f"{n} {b}": cell(*row, b, n) for n in given.layers for b in given.batch}
    if given.real:
        found = dict(zip(cases, rehearse_all([*cases.values()]), strict=True))
    else:
        with tempfile.TemporaryDirectory() as folder:
            found = rehearse(compiled(Path(folder)), cases)
    for name, result in found.items():
        if result["error"] or result["mixed"]:
            sys.exit(f"{name}: {result['error'] or result['mixed']}")
    for layers in given.layers:
        peaks = [round(found[f"{layers} {batch}"]["peak"] / MIB) for batch in given.batch]
        print(f"      {layers}: {peaks}")


if __name__ == "__main__":
    main()
