"""Fixtures for all tests, and their tiers."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tiers import tiers_of

# How long an example takes is a matter of what else the machine does.
settings.register_profile("no deadline", deadline=None)
settings.register_profile("fast", deadline=None, max_examples=20)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the fast tier."""
    parser.addoption(
        "--fast",
        action="store_true",
        help="only what is neither `model` nor `slow`, with fewer examples",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many examples are tried."""
    settings.load_profile("fast" if config.getoption("--fast") else "no deadline")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the files of the other tiers before they import PyTorch."""
    is_test = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    return True if config.getoption("--fast") and is_test and tiers_of(collection_path) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test with the tiers of its file."""
    for item in items:
        for tier in tiers_of(item.path):
            item.add_marker(tier)


@pytest.fixture(scope="session")
def mmdet_ready() -> None:
    """Make mmdet importable on mmcv-lite, before the first import of mmdet.models."""
    importlib.import_module("train_teacher.mmdet_plugin")


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return commands that can be killed at any file operation."""
    from killed_commands import Commands

    return Commands(tmp_path_factory.mktemp("operations") / "count")
