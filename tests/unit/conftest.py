from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inspected_data import read
from train_teacher.coco.dataset import CocoDataset


@pytest.fixture
def dataset_of(tmp_path: Path) -> Callable[..., CocoDataset]:
    """Write a JSON with the sections given, clean ones for the rest, and read it."""

    def build(**sections: Any) -> CocoDataset:
        return read(tmp_path, **sections)

    return build
