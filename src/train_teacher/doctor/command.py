"""`teacher doctor`: the environment, its problems, and the commands that fix them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from train_teacher.console.command import choice, command, flag, option
from train_teacher.core.words import plural
from train_teacher.doctor.machine_checks import gib
from train_teacher.doctor.package_checks import check_environment, is_replaced

if TYPE_CHECKING:
    from train_teacher.doctor.facts import Diagnosis, Environment, EnvironmentFinding

WIDTH = 80
MODULES = (
    "accelerated by default; own modules with `accelerated: false` in a settings "
    "file; plain with --plain"
)
INDENT = 9
PAIR_INDENT = 19


@command()
@choice("--format", "text", "json", help="Output format.")
@option(
    "--model",
    metavar="PRESET",
    default="swin-t",
    show_default=True,
    help="Preset whose files are checked.",
)
@flag("--verbose", "Show every package and path, including those that are fine.")
def doctor_command(format: str, model: str, verbose: bool) -> int:
    """Check the environment for problems that would break training, and say how to fix them."""
    from train_teacher.console import progress
    from train_teacher.doctor.facts import Diagnosis
    from train_teacher.doctor.look import look_at_environment

    json = format == "json"
    shown = {} if json else {"progress": progress.show}
    environment = look_at_environment(model, Path.cwd(), **shown)
    progress.close()
    diagnosis = Diagnosis(environment, check_environment(environment))
    text = render_json(diagnosis) if json else render_text(diagnosis, verbose=verbose)
    print(text)  # noqa: T201 - the result
    return 0 if diagnosis.healthy else 1


def render_json(diagnosis: Diagnosis) -> str:
    """Return everything as one JSON object."""
    import msgspec

    content = {
        "healthy": diagnosis.healthy,
        "findings": diagnosis.findings,
        "environment": diagnosis.environment,
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode()


def render_text(diagnosis: Diagnosis, *, verbose: bool = False) -> str:
    """Return the diagnosis in lines of 80 columns; command lines are left in one piece."""
    environment = diagnosis.environment
    lines = [f"train-teacher {environment.train_teacher}, {environment.platform}", ""]
    lines += [*_packages(environment, verbose), "", *_machine(environment, verbose), ""]
    for finding in diagnosis.findings:
        if verbose or finding.severity != "info":
            lines += _finding(finding)
    lines += _all_at_once(diagnosis.findings)
    counts = [
        plural(number, severity)
        for severity in ("error", "warning")
        if (number := sum(f.severity == severity for f in diagnosis.findings))
    ]
    verdict = "training can start" if diagnosis.healthy else "training will fail"
    return "\n".join([*lines, f"{', '.join(counts) or 'nothing wrong'}: {verdict}"])


def _packages(environment: Environment, verbose: bool) -> Iterator[str]:
    python = (environment.python, environment.python_specifier, environment.python_fits)
    rows = [("python", *python)]
    for requirement in environment.requirements:
        if requirement.installed or not requirement.extra:
            good = requirement.fits or is_replaced(environment, requirement)
            row = requirement.name, requirement.installed or "none", requirement.specifier, good
            rows.append(row)
    shown = [row for row in rows if verbose or not row[-1]]
    if shown:
        yield _row("package", "installed", "accepted")
    yield from (_row(*row) for row in shown)
    if len(shown) < len(rows):
        others = "others " if shown else "packages "
        yield f"  {len(rows) - len(shown)} {others}are in the accepted range"


def _machine(environment: Environment, verbose: bool) -> Iterator[str]:
    """Describe the machine; details that are fine are shown with `verbose` only."""
    stack, driver = environment.stack, environment.driver
    if verbose:
        yield _pair("modules", MODULES)
    for gpu in stack.gpus:
        sm = f"sm_{gpu.capability[0]}{gpu.capability[1]}"
        memory = f"{gib(gpu.free_bytes)} of {gib(gpu.total_bytes)} free"
        yield _pair("GPU", f"{gpu.name}, {sm}, {memory}")
    if not stack.gpus:
        yield _pair("GPU", "none that PyTorch can use: training runs on CPU")
    if verbose:
        yield _pair("mmcv ops", stack.mmcv_ops or "not known")
        yield _pair("deformops", "installed" if stack.deformops else "not installed (optional)")
        yield _pair("GPU driver", driver.version if driver else "none")
        build = stack.torch_cuda or "none (CPU build)"
        yield _pair("torch's CUDA", build if stack.torch else "not known")
    available, total = gib(environment.memory_available), gib(environment.memory_total)
    yield _pair("memory", f"{available} of {total} free")
    if verbose and environment.shared_memory_free is not None:
        yield _pair("shared memory", f"{gib(environment.shared_memory_free)} free")
    for disk in environment.disks if verbose else environment.disks[:1]:
        yield _pair("disk", f"{gib(disk.free_bytes)} free for {disk.what}: {disk.path}")
    if environment.offline:
        yield _pair("network", environment.offline)
    later = "" if environment.offline else ", will be downloaded when training starts"
    for needed in environment.needed:
        absent = f"not here{later} ({needed.wanted.rpartition('/')[2]})"
        yield _pair(needed.what, needed.place if needed.present else absent)


def _finding(finding: EnvironmentFinding) -> Iterator[str]:
    words = _wrap(finding.what) + _wrap(finding.consequence)
    for index, line in enumerate(words):
        yield f"{finding.severity if index == 0 else '':<{INDENT - 1}} {line}"
    if finding.fix:
        # A command is copied as it is, so it is never broken into lines.
        yield f"{'':<{INDENT}}fix: {finding.fix}"
    yield ""


def _all_at_once(findings: Sequence[EnvironmentFinding]) -> Iterator[str]:
    """Offer one command for all packages that are missing or of a wrong version."""
    start = "pip install "
    lines = [f.fix for f in findings if f.code.startswith(("missing-", "version-"))]
    packages = [line[len(start) :] for line in lines if line.startswith(start)]
    if len(packages) > 1:
        yield f"all packages at once: {start}{' '.join(packages)}"
        yield ""


def _wrap(text: str, indent: int = INDENT) -> list[str]:
    """Wrap a text, without breaking paths and file names."""
    return textwrap.wrap(text, WIDTH - indent, break_long_words=False, break_on_hyphens=False) or [
        ""
    ]


def _row(name: str, installed: str, tested: str, good: bool = True) -> str:
    return f"  {name:<24} {installed:<16} {tested:<18}{'' if good else ' <--'}".rstrip()


def _pair(name: str, value: str) -> str:
    return f"  {name:<16} " + f"\n{'':<{PAIR_INDENT}}".join(_wrap(value, PAIR_INDENT))
