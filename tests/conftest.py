"""Fixtures for all tests."""

from __future__ import annotations

import importlib

import pytest


@pytest.fixture(scope="session")
def mmdet_ready() -> None:
    """Make mmdet importable on mmcv-lite, before the first import of mmdet.models."""
    importlib.import_module("train_teacher.mmdet_plugin")
