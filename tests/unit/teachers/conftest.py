"""An ONNX bundle of a small detector, exported once."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub_model import exported_to_onnx
from train_teacher.teachers.hub_bundle import HubBundle


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[HubBundle, Path]:
    """Return what was exported and its folder."""
    return exported_to_onnx(tmp_path_factory.mktemp("onnx"))
