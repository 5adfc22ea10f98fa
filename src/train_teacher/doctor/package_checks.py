"""The checks of `teacher doctor`: an environment in, findings out.

The ranges of versions come from this package's own metadata, so they are written once, in
pyproject.toml; here is only what a version outside them would do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from train_teacher.doctor.facts import Environment, EnvironmentFinding, Requirement
from train_teacher.doctor.findings import finding, table
from train_teacher.doctor.machine_checks import MACHINE_CHECKS
from train_teacher.failures.catalogue import FailureFacts, Translation, recognise

Check = Callable[[Environment], Iterator[EnvironmentFinding]]

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
    """Return whether another package stands in for a missing one."""
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
        specifier = environment.python_specifier
        yield finding("python", python=environment.python, specifier=specifier)
    if not environment.installed:
        yield finding("not-installed")


def _versions(environment: Environment) -> Iterator[EnvironmentFinding]:
    for requirement in environment.requirements:
        if requirement.extra or requirement.fits or is_replaced(environment, requirement):
            continue
        name = requirement.name
        if requirement.installed is None:
            yield finding("missing", code=f"missing-{name}", name=name, pip=requirement.pip)
        else:
            yield _misfit(requirement, name, f"pip install {requirement.pip}")


def _misfit(requirement: Requirement, acts_as: str, fix: str) -> EnvironmentFinding:
    """Return the effect of a version outside the range; mmcv acts as mmcv-lite."""
    consequence = table().versions.get(acts_as)
    return finding(
        "version" if consequence else "untried-version",
        code=f"version-{requirement.name}",
        name=requirement.name,
        installed=requirement.installed or "",
        specifier=requirement.specifier,
        consequence=consequence or "",
        fix=fix,
    )


def _mmcv(environment: Environment) -> Iterator[EnvironmentFinding]:
    there = [name for name in MMCV_PACKAGES if name in environment.distributions]
    lite = _pip_name(environment, "mmcv-lite")
    again = f"pip uninstall -y {' '.join(there)} && pip install {lite}"
    compiled = _requirement(environment, "mmcv")
    if compiled and compiled.installed and not compiled.fits:
        yield _misfit(compiled, "mmcv-lite", again)
    elif "mmcv-full" in there:
        yield finding("mmcv-full", version=environment.distributions["mmcv-full"], fix=again)
    elif len(there) > 1:
        works = environment.stack.mmcv_ops == "compiled"
        severity, fix = ("info", "") if works else ("warning", again)
        yield finding("mmcv-twice", severity=severity, names=" and ".join(there), fix=fix)


def _forks(environment: Environment) -> Iterator[EnvironmentFinding]:
    there = [name for name in FORKS if name in environment.distributions]
    if there:
        wanted = " ".join(_pip_name(environment, FORKS[name]) for name in there)
        yield finding("onedl", names=", ".join(there), packages=" ".join(there), wanted=wanted)


def _opencv(environment: Environment) -> Iterator[EnvironmentFinding]:
    there = [name for name in CV_PACKAGES if name in environment.distributions]
    if len(there) > 1:
        names, packages = " and ".join(there), " ".join(there)
        wanted = _pip_name(environment, "opencv-python")
        yield finding("opencv-twice", names=names, packages=packages, wanted=wanted)


def _imports(environment: Environment) -> Iterator[EnvironmentFinding]:
    for problem in environment.stack.problems:
        absent = re.search(r"No module named '(\w+)", problem.message)
        package = IMPORT_NAMES.get(absent[1], absent[1]) if absent else None
        required = _requirement(environment, package) if package else None
        if required and required.installed is None:
            continue  # reported with the versions
        known = recognise(FailureFacts(types=problem.types, message=problem.message))
        said = problem.message.strip().splitlines() or ["without a message"]
        yield finding(
            "import",
            code=f"import-{problem.module}",
            module=problem.module,
            kind=problem.types[0],
            said=said[0],
            consequence=known.what if known else "Training cannot start.",
            fix=_import_cure(environment, problem.module, package, known),
        )


def _import_cure(
    environment: Environment, module: str, package: str | None, known: Translation | None
) -> str:
    misfits = [r for r in environment.requirements if r.name in table().versions and r.is_misfit]
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
