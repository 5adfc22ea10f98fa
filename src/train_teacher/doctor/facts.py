"""Facts that `teacher doctor` gathers about a machine."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Requirement(msgspec.Struct, frozen=True, kw_only=True):
    """One package that this one names, and what is installed of it."""

    name: str
    specifier: str
    """Versions that were tested, such as `>=2.6,<2.14`; empty for any."""
    extra: str | None = None
    installed: str | None = None
    fits: bool = False
    """True when the installed version is one of them."""

    @property
    def is_misfit(self) -> bool:
        """True when it is installed in a version that is not one of them."""
        return self.installed is not None and not self.fits

    @property
    def pip(self) -> str:
        """The requirement as pip wants it on a command line."""
        return f'"{self.name}{self.specifier}"'


class Gpu(msgspec.Struct, frozen=True, kw_only=True):
    """A GPU as PyTorch sees it."""

    name: str
    capability: tuple[int, int]
    total_bytes: int
    free_bytes: int


class Driver(msgspec.Struct, frozen=True, kw_only=True):
    """The NVIDIA driver as nvidia-smi reports it."""

    version: str
    gpus: tuple[str, ...]


class ImportProblem(msgspec.Struct, frozen=True, kw_only=True):
    """An import that failed in a separate process."""

    module: str
    types: tuple[str, ...]
    """Names of the exception's class and its bases."""
    message: str


class TrainingStack(msgspec.Struct, frozen=True, kw_only=True):
    """Result of importing the training stack."""

    problems: tuple[ImportProblem, ...] = ()
    torch: str | None = None
    torch_cuda: str | None = None
    """CUDA version that PyTorch was built with; None for a CPU build."""
    torch_architectures: tuple[str, ...] = ()
    """GPU architectures that the build has code for, such as `sm_90`."""
    cuda_available: bool = False
    cuda_problem: str | None = None
    gpus: tuple[Gpu, ...] = ()
    mmcv_ops: str | None = None
    """`compiled` or `stand-in`; None when it was not found out."""
    deformops: bool = False


class Needed(msgspec.Struct, frozen=True, kw_only=True):
    """A file or folder that training with the default preset needs."""

    what: str
    wanted: str
    """Address or name of the download."""
    place: str
    present: bool
    problem: str | None = None


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """Free space in a place that will be written to."""

    what: str
    path: str
    free_bytes: int


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """All facts that the checks use."""

    train_teacher: str
    installed: bool = True
    """True when the package has metadata, so that the tested versions are known."""
    python: str
    python_specifier: str = ""
    python_fits: bool = True
    executable: str = ""
    platform: str = ""
    requirements: tuple[Requirement, ...] = ()
    distributions: Mapping[str, str] = {}
    """Version by normalized name of every installed package that the checks may ask about."""
    stack: TrainingStack = TrainingStack()
    driver: Driver | None = None
    memory_total: int = 0
    memory_available: int = 0
    shared_memory_free: int | None = None
    disks: tuple[Disk, ...] = ()
    preset: str = "swin-t"
    needed: tuple[Needed, ...] = ()
    offline: str | None = None
    """Reason why nothing can be downloaded: a switch, or a server that does not answer."""


class EnvironmentFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One problem or remark, with its fix."""

    code: str
    severity: str
    """`error`, `warning` or `info`."""
    what: str
    consequence: str
    fix: str
    """A command line, or an edit in words; empty when nothing has to be done."""


class Diagnosis(msgspec.Struct, frozen=True):
    """Facts about the machine, and the findings."""

    environment: Environment
    findings: tuple[EnvironmentFinding, ...]

    @property
    def healthy(self) -> bool:
        """True when nothing keeps training from starting."""
        return not any(finding.severity == "error" for finding in self.findings)
