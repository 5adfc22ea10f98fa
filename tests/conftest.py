"""Fixtures for all tests."""

from __future__ import annotations

import importlib

import pytest
from hypothesis import settings

# How long an example takes is a matter of what else the machine does.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture(scope="session")
def mmdet_ready() -> None:
    """Make mmdet importable on mmcv-lite, before the first import of mmdet.models."""
    importlib.import_module("train_teacher.mmdet_plugin")
