"""The demo's generated images, for tests that train."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "make_demo_data.py"


def make_images(folder: Path, images: int, seed: int, classes: Sequence[str]) -> Path:
    """Write a data set with scripts/make_demo_data.py and return its JSON."""
    spec = importlib.util.spec_from_file_location("make_demo_data", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path: Path = module.write_dataset(folder, images, seed, classes)
    return path
