"""Look at this machine and say what would keep training from working."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from train_teacher.doctor.facts import Environment, EnvironmentFinding
from train_teacher.doctor.look import look_at_environment
from train_teacher.doctor.package_checks import check_environment

DEFAULT_PRESET = "swin-t"


@dataclass(frozen=True)
class Diagnosis:
    """What was seen, and what of it is wrong."""

    environment: Environment
    findings: tuple[EnvironmentFinding, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing keeps training from starting."""
        return not any(finding.severity == "error" for finding in self.findings)


def diagnose(preset: str = DEFAULT_PRESET) -> Diagnosis:
    """Look at packages, GPU, memory, disk and files; nothing is changed or downloaded.

    Raises:
        UsageError: there is no such preset.
    """
    environment = look_at_environment(preset, Path.cwd())
    return Diagnosis(environment, check_environment(environment))
