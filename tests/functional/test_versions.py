"""The versions that are accepted are written in pyproject.toml; everything else agrees with it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = (ROOT / "pyproject.toml").read_text()
INSTALL = (ROOT / "docs" / "getting-started" / "install.md").read_text()
PINS = [
    Requirement(line)
    for line in (ROOT / "scripts" / "constraints.txt").read_text().splitlines()
    if not line.startswith("#")
]
found = re.search(r'^requires-python = "(.*)"', PYPROJECT, re.MULTILINE)
assert found
PYTHONS = [f"3.{n}" for n in range(20) if SpecifierSet(found[1]).contains(f"3.{n}")]


def script() -> ModuleType:
    path = ROOT / "scripts" / "dependencies.py"
    spec = importlib.util.spec_from_file_location("dependencies", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def accepted() -> dict[str, Requirement]:
    lines = [Requirement(match[0]) for match in script().dependencies(PYPROJECT)]
    return {requirement.name: requirement for requirement in lines}


def test_the_lowest_versions_are_accepted_and_none_is_left_out() -> None:
    lowest = {pin.name: pin for pin in map(Requirement, script().lowest(PYPROJECT))}
    assert lowest.keys() == accepted().keys()
    assert {"torch", "mmdet", "numpy"} <= lowest.keys()
    for name, pin in lowest.items():
        (version,) = pin.specifier
        assert version.version in accepted()[name].specifier


def test_a_dependency_without_a_lowest_version_is_refused() -> None:
    with pytest.raises(ValueError, match="setuptools<81"):
        script().lowest('dependencies = [\n    "setuptools<81",  # why\n]\n')


@pytest.mark.parametrize("python", PYTHONS)
def test_every_python_has_one_tested_version_of_each_package_in_its_range(python: str) -> None:
    pins = [p for p in PINS if not p.marker or p.marker.evaluate({"python_version": python})]
    names = [pin.name.lower() for pin in pins]
    assert len(names) == len(set(names))
    assert accepted().keys() <= set(names)
    for pin in pins:
        (version,) = pin.specifier
        if requirement := accepted().get(pin.name.lower()):
            assert version.version in requirement.specifier, pin


def test_the_install_page_says_which_pytorch_and_python_are_accepted() -> None:
    (torch,) = re.findall(r"^\| PyTorch \| (\S+) \| (\S+) to (\S+) \|", INSTALL, re.MULTILINE)
    assert f"torch=={torch[0]}" in map(str, PINS)
    bounds = {b.operator: Version(b.version) for b in accepted()["torch"].specifier}
    assert bounds[">="] == Version(torch[1])
    assert bounds["<"].release == (2, Version(torch[2]).minor + 1)
    assert f"PyTorch {torch[1]} to {torch[2]}" in INSTALL
    assert f"| {PYTHONS[0]} to {PYTHONS[-1]} |" in INSTALL
