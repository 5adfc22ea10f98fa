"""An ONNX bundle of a small detector, exported once."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub_model import CANVAS, small_bundle
from train_teacher.teachers.hub_bundle import HubBundle
from train_teacher.teachers.onnx_bundle import fill_onnx_bundle


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[HubBundle, Path]:
    """Return what was exported and its folder."""
    folder = tmp_path_factory.mktemp("onnx")
    bundle = small_bundle(folder)
    (folder / "out").mkdir()
    fill_onnx_bundle(folder / "out", bundle, CANVAS)
    return bundle, folder / "out"
