"""The checks of `teacher doctor`: an environment in, findings out.

The ranges of versions come from this package's own metadata, so they are written once, in
pyproject.toml; here is only what a version outside them would do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from train_teacher.doctor.facts import Environment, EnvironmentFinding, Requirement
from train_teacher.doctor.machine_checks import MACHINE_CHECKS
from train_teacher.failures.catalogue import FailureFacts, Translation, recognise

Check = Callable[[Environment], Iterator[EnvironmentFinding]]

# What each package outside its range does to training; a package that is not here is one whose
# other versions have merely not been tried, so that is a warning.
CONSEQUENCES = {
    "mmcv-lite": "MMDetection 3.3 refuses mmcv from 2.2.0 on when it is imported.",
    "mmdet": "Only MMDetection 3.3.0 runs MM Grounding DINO as it was published.",
    "mmengine": "Our runner and checkpoints extend MMEngine 0.10.7; another one breaks them.",
    "numpy": "MMDetection's text code uses numpy names that come and go between versions.",
    "setuptools": "MMEngine imports pkg_resources, which setuptools 81 removed: nothing starts.",
    "torch": "Before 2.6, PyTorch cannot read the checkpoints of a run; a newer one was not tried.",
    "transformers": "BERT's code has changed; 5.x lacks parts that Grounding DINO calls.",
}
CV_PACKAGES = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
MMCV_PACKAGES = ("mmcv", "mmcv-full", "mmcv-lite")
FORKS = {"onedl-mmdetection": "mmdet", "onedl-mmcv": "mmcv-lite", "onedl-mmengine": "mmengine"}
# Modules that are not called like the package that brings them.
IMPORT_NAMES = {
    "PIL": "pillow",
    "cv2": "opencv-python",
    "mmcv": "mmcv-lite",
    "pkg_resources": "setuptools",
    "yaml": "pyyaml",
}
SEVERITIES = ("error", "warning", "info")


def check_environment(environment: Environment) -> tuple[EnvironmentFinding, ...]:
    """Return all findings, worst first."""
    found = [finding for check in CHECKS for finding in check(environment)]
    return tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity)))


def is_replaced(environment: Environment, requirement: Requirement) -> bool:
    """Tell whether another package stands in for a missing one."""
    if requirement.installed is not None:
        return False
    if requirement.name == "mmcv-lite":
        compiled = _requirement(environment, "mmcv")
        return compiled is not None and compiled.installed is not None
    if requirement.name in CV_PACKAGES:
        return any(name in environment.distributions for name in CV_PACKAGES)
    return False


def _requirement(environment: Environment, name: str) -> Requirement | None:
    """Return the requirement of a package, from the dependencies or from an extra."""
    named = [r for r in environment.requirements if r.name == name]
    return min(named, key=lambda r: r.extra is not None, default=None)


def _pip_name(environment: Environment, name: str) -> str:
    requirement = _requirement(environment, name)
    return requirement.pip if requirement else name


def _python(environment: Environment) -> Iterator[EnvironmentFinding]:
    if not environment.python_fits:
        yield EnvironmentFinding(
            code="python",
            severity="error",
            what=f"Python {environment.python}; tested: {environment.python_specifier}.",
            consequence="The pinned versions of MMDetection's stack have no wheels for it.",
            fix="PYTHON=python3.12 scripts/setup.sh",
        )
    if not environment.installed:
        yield EnvironmentFinding(
            code="not-installed",
            severity="error",
            what="train-teacher runs from its source folder and is not installed.",
            consequence="Which versions it was tested with cannot be looked up or checked.",
            fix="pip install -e .",
        )


def _versions(environment: Environment) -> Iterator[EnvironmentFinding]:
    for requirement in environment.requirements:
        if requirement.extra or requirement.fits or is_replaced(environment, requirement):
            continue
        if requirement.installed is None:
            yield EnvironmentFinding(
                code=f"missing-{requirement.name}",
                severity="error",
                what=f"{requirement.name} is not installed.",
                consequence="train-teacher imports it: the commands that use it cannot start.",
                fix=f"pip install {requirement.pip}",
            )
            continue
        consequence = CONSEQUENCES.get(requirement.name)
        yield EnvironmentFinding(
            code=f"version-{requirement.name}",
            severity="error" if consequence else "warning",
            what=f"{requirement.name} {requirement.installed}; tested: {requirement.specifier}.",
            consequence=consequence or "This version has not been tried with train-teacher.",
            fix=f"pip install {requirement.pip}",
        )


def _mmcv(environment: Environment) -> Iterator[EnvironmentFinding]:
    there = [name for name in MMCV_PACKAGES if name in environment.distributions]
    lite = _pip_name(environment, "mmcv-lite")
    again = f"pip uninstall -y {' '.join(there)} && pip install {lite}"
    compiled = _requirement(environment, "mmcv")
    if compiled and compiled.installed and not compiled.fits:
        yield EnvironmentFinding(
            code="version-mmcv",
            severity="error",
            what=f"mmcv {compiled.installed}; tested: {compiled.specifier}.",
            consequence=CONSEQUENCES["mmcv-lite"],
            fix=again,
        )
    elif "mmcv-full" in there:
        yield EnvironmentFinding(
            code="mmcv-full",
            severity="error",
            what=f"mmcv-full {environment.distributions['mmcv-full']} is installed.",
            consequence="It is mmcv 1.x and overwrites the folder of mmcv 2: imports fail.",
            fix=again,
        )
    elif len(there) > 1:
        works = environment.stack.mmcv_ops == "compiled"
        yield EnvironmentFinding(
            code="mmcv-twice",
            severity="info" if works else "warning",
            what=f"{' and '.join(there)} are both installed.",
            consequence="Both are the folder mmcv on disk; removing one breaks the other.",
            fix="" if works else again,
        )


def _forks(environment: Environment) -> Iterator[EnvironmentFinding]:
    there = [name for name in FORKS if name in environment.distributions]
    if there:
        wanted = " ".join(_pip_name(environment, FORKS[name]) for name in there)
        yield EnvironmentFinding(
            code="onedl",
            severity="error",
            what=f"{', '.join(there)} is installed: a fork in the folder of the original.",
            consequence="onedl-mmdetection 3.5.1 cannot run Grounding DINO: its decoder stops "
            "with a shape error.",
            fix=f"pip uninstall -y {' '.join(there)} && pip install --force-reinstall --no-deps "
            f"{wanted}",
        )


def _opencv(environment: Environment) -> Iterator[EnvironmentFinding]:
    there = [name for name in CV_PACKAGES if name in environment.distributions]
    if len(there) > 1:
        yield EnvironmentFinding(
            code="opencv-twice",
            severity="warning",
            what=f"{' and '.join(there)} are both installed.",
            consequence="Both are the folder cv2 on disk: which one is read depends on the order "
            "of installation, and removing one breaks the other.",
            fix=f"pip uninstall -y {' '.join(there)} && pip install "
            f"{_pip_name(environment, 'opencv-python')}",
        )


def _imports(environment: Environment) -> Iterator[EnvironmentFinding]:
    for problem in environment.stack.problems:
        absent = re.search(r"No module named '(\w+)", problem.message)
        package = IMPORT_NAMES.get(absent[1], absent[1]) if absent else None
        required = _requirement(environment, package) if package else None
        if required and required.installed is None:
            continue  # told with the versions
        known = recognise(FailureFacts(types=problem.types, message=problem.message))
        said = problem.message.strip().splitlines() or ["without a message"]
        yield EnvironmentFinding(
            code=f"import-{problem.module}",
            severity="error",
            what=f"import {problem.module} fails: {problem.types[0]}: {said[0]}",
            consequence=known.what if known else "Training cannot start.",
            fix=_import_cure(environment, problem.module, package, known),
        )


def _import_cure(
    environment: Environment, module: str, package: str | None, known: Translation | None
) -> str:
    misfits = [r for r in environment.requirements if r.name in CONSEQUENCES and r.is_misfit]
    if misfits:
        return f"pip install {' '.join(r.pip for r in misfits)}"
    if known and "teacher doctor" not in known.cure:
        return known.cure
    if package:
        return f"pip install {_pip_name(environment, package)}"
    return f"pip install --force-reinstall {_pip_name(environment, module)}"


CHECKS: Sequence[Check] = (
    _python,
    _imports,
    _versions,
    _mmcv,
    _forks,
    _opencv,
    *MACHINE_CHECKS,
)
