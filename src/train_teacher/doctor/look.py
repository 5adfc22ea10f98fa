"""Facts about this machine for `teacher doctor`: packages, GPU, memory, disk, weights."""

from __future__ import annotations

import csv
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from train_teacher import __version__
from train_teacher.core.errors import UserError
from train_teacher.core.installed import installed_version
from train_teacher.core.network import hub_address, offline_switch, why_unreachable
from train_teacher.doctor.facts import (
    Disk,
    Driver,
    Environment,
    ImportProblem,
    Needed,
    Requirement,
    TrainingStack,
)
from train_teacher.doctor.import_probe import MARK, look_at_torch
from train_teacher.prompts.tokenizer import hub_cache, resolve_language_model
from train_teacher.settings.yaml_files import read_preset
from train_teacher.weights.files import cache_folder, expected_weights, problem_with

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

DISTRIBUTION = "train-teacher"
# Extras that a user installs; `dev` is ours.
USER_EXTRAS = ("", "ops", "triton", "tensorboard")
PROBE_SECONDS = 180
DRIVER_SECONDS = 20
SHARED_MEMORY = Path("/dev/shm")
MEMORY_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def look_at_environment(
    preset: str,
    output: Path,
    *,
    progress: Callable[[float, str], None] = lambda _share, _what: None,
) -> Environment:
    """Return the facts that the checks of `teacher doctor` need; nothing is changed or downloaded.

    Args:
        preset: whose files are checked.
        output: where runs will be written.
        progress: called with the share that is done, 0 to 1, and the next step.
    """
    progress(0.0, "checking packages, memory and disk")
    specifier, fits = _python_range()
    total, available = _memory()
    needed = _needed(preset)
    progress(0.2, "checking downloads of missing files")
    offline = _why_offline(needed)
    progress(0.3, "importing PyTorch and MMDetection (some seconds)")
    return Environment(
        train_teacher=__version__,
        installed=_metadata() is not None,
        python=platform.python_version(),
        python_specifier=specifier,
        python_fits=fits,
        executable=sys.executable,
        platform=platform.platform(),
        requirements=_requirements(),
        distributions=_distributions(),
        stack=_training_stack(),
        driver=nvidia_driver(),
        memory_total=total,
        memory_available=available,
        shared_memory_free=_free(SHARED_MEMORY) if SHARED_MEMORY.is_dir() else None,
        disks=_disks(output),
        preset=preset,
        needed=needed,
        offline=offline,
    )


def look_at_gpus(driver: Driver) -> Environment:
    """Return the facts that `unused_gpu` needs, as this process sees them.

    Args:
        driver: from `nvidia_driver`.
    """
    return Environment(
        train_teacher=__version__,
        python=platform.python_version(),
        requirements=_requirements(),
        stack=msgspec.convert(look_at_torch(), TrainingStack, strict=False),
        driver=driver,
    )


def _metadata() -> metadata.PackageMetadata | None:
    try:
        return metadata.metadata(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return None


def _header(about: metadata.PackageMetadata, name: str) -> str:
    values = about.get_all(name)
    return str(values[0]) if values else ""


def _python_range() -> tuple[str, bool]:
    from packaging.specifiers import SpecifierSet

    about = _metadata()
    text = _header(about, "Requires-Python") if about else ""
    accepted = SpecifierSet(text)
    fits = accepted.contains(platform.python_version(), prereleases=True)
    return _written(accepted), fits


def _written(accepted: SpecifierSet) -> str:
    """Return a version range as text, the lower bound first."""
    return ",".join(sorted(map(str, accepted), key=lambda bound: bound.startswith("<")))


def _requirements() -> tuple[Requirement, ...]:
    if _metadata() is None:
        return ()
    return tuple(
        requirement
        for line in metadata.requires(DISTRIBUTION) or ()
        if (requirement := _requirement(line)) is not None
    )


def _requirement(line: str) -> Requirement | None:
    """Read one line of the metadata, such as `mmcv==2.1.0; extra == "ops"`."""
    from packaging.requirements import Requirement as Parsed

    parsed = Parsed(line)
    extra = ""
    if parsed.marker:
        wanted = [name for name in USER_EXTRAS if parsed.marker.evaluate({"extra": name})]
        if not wanted:
            return None
        extra = wanted[0]
    installed = installed_version(parsed.name)
    return Requirement(
        name=parsed.name.lower(),
        specifier=_written(parsed.specifier),
        extra=extra or None,
        installed=installed,
        fits=installed is not None and parsed.specifier.contains(installed, prereleases=True),
    )


def _distributions() -> dict[str, str]:
    found = {}
    for distribution in metadata.distributions():
        # A package that was removed by hand leaves a folder without a name behind.
        name = _header(distribution.metadata, "Name")
        if name:
            found[name.lower().replace("_", "-")] = distribution.version
    return dict(sorted(found.items()))


def _training_stack() -> TrainingStack:
    """Import the training stack in a separate process, and read its report."""
    command = [sys.executable, "-m", "train_teacher.doctor.import_probe"]
    # Modules in the working folder must not be taken for the packages, as `-m` would.
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    try:
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=environment,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        message = f"importing it took more than {PROBE_SECONDS} seconds"
        return TrainingStack(
            problems=(ImportProblem(module="torch", types=("TimeoutError",), message=message),)
        )
    return read_probe(result.stdout, result.stderr, result.returncode)


def read_probe(stdout: str, stderr: str, code: int) -> TrainingStack:
    """Return what `import_probe` reported, also when it ended early.

    Lines without the mark are other packages'; a negative code is a signal.
    """
    lines = [line[len(MARK) :] for line in stdout.splitlines() if line.startswith(MARK)]
    results = [json.loads(line) for line in lines]
    facts: dict[str, Any] = {}
    problems: list[ImportProblem] = []
    for result in results:
        facts |= result.get("facts", {})
        if "problem" in result:
            problem = {"module": result["step"], **result["problem"]}
            problems.append(msgspec.convert(problem, ImportProblem))
    if code:
        said = [line for line in stderr.splitlines() if line.strip()] or ["no message"]
        ended = f"ended by signal {-code}" if code < 0 else said[-1].strip()
        module = results[-1]["step"] if results else "train_teacher"
        problems.append(ImportProblem(module=module, types=("Failure",), message=ended))
    # What breaks PyTorch breaks all that is built on it; once is enough.
    unlike = {problem.message: problem for problem in reversed(problems)}
    facts["problems"] = tuple(reversed(unlike.values()))
    return msgspec.convert(facts, TrainingStack, strict=False)


def nvidia_driver() -> Driver | None:
    """Return the driver and GPUs that nvidia-smi lists; None where it is missing or fails."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    command = [program, "--query-gpu=driver_version,name", "--format=csv,noheader"]
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=DRIVER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    rows = [row for row in csv.reader(result.stdout.splitlines()) if len(row) > 1]
    if result.returncode or not rows:
        return None
    return Driver(version=rows[0][0], gpus=tuple(",".join(row[1:]).strip() for row in rows))


def _memory() -> tuple[int, int]:
    """Return total and available memory in bytes, 0 where the system does not report it."""
    known = {}
    try:
        for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines():
            name, _, rest = line.partition(":")
            known[name] = int(rest.split()[0]) * 1024
    except OSError:
        return 0, 0
    total, available = known.get("MemTotal", 0), known.get("MemAvailable", 0)
    limit = _container_limit()
    return min(total, limit or total), min(available, limit or available)


def _container_limit() -> int | None:
    for path in MEMORY_LIMITS:
        try:
            text = path.read_text(encoding="utf-8").strip()
        except OSError:
            continue
        if text.isdigit():
            return int(text)
    return None


def _disks(output: Path) -> tuple[Disk, ...]:
    places = {
        "runs": output.resolve(),
        "weights": cache_folder(),
        "language model": hub_cache(),
    }
    return tuple(
        Disk(what=what, path=str(path), free_bytes=_free(path)) for what, path in places.items()
    )


def _free(path: Path) -> int:
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def _needed(preset: str) -> tuple[Needed, ...]:
    values = read_preset(preset).values
    checkpoint = values.get("checkpoint")
    needed = []
    if checkpoint:
        path = expected_weights("auto", str(checkpoint))
        there = path is not None and path.is_file()
        needed.append(
            Needed(
                what="base weights",
                wanted=str(checkpoint),
                place=str(path),
                present=there,
                problem=_damage(path) if path and there else None,
            )
        )
    name = str(values["language_model"])
    try:
        place, present = str(resolve_language_model(name)), True
    except UserError:
        place, present = str(hub_cache()), False
    needed.append(Needed(what="language model", wanted=name, place=place, present=present))
    return tuple(needed)


def _why_offline(needed: Sequence[Needed]) -> str | None:
    """Return the reason why missing files could not be downloaded; None when nothing is missing."""
    if switch := offline_switch():
        return f"{switch} forbids the network"
    absent = [file.wanted for file in needed if not file.present]
    addresses = [wanted if "://" in wanted else hub_address() for wanted in absent]
    return next(filter(None, map(why_unreachable, addresses)), None)


def _damage(path: Path) -> str | None:
    try:
        return problem_with(path)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
