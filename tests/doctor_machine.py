"""The machine that the tests of `teacher doctor` pretend to look at."""

from __future__ import annotations

from typing import Any

from train_teacher.doctor.facts import (
    Disk,
    Driver,
    Environment,
    Gpu,
    ImportProblem,
    Needed,
    Requirement,
    TrainingStack,
)

GIB = 2**30
SPECIFIERS = {
    "mmcv-lite": "==2.1.0",
    "mmdet": "==3.3.0",
    "numpy": ">=1.26,<3",
    "opencv-python": ">=4.9,<6",
    "rich": ">=13.7,<16",
    "setuptools": "<81",
    "torch": ">=2.6,<2.14",
    "transformers": ">=4.57,<4.58",
}
VERSIONS = {
    "mmcv-lite": "2.1.0",
    "mmdet": "3.3.0",
    "numpy": "2.4.6",
    "opencv-python": "5.0.0",
    "rich": "15.0.0",
    "setuptools": "80.10.2",
    "torch": "2.13.0",
    "transformers": "4.57.6",
}
H100 = Gpu(name="H100", capability=(9, 0), total_bytes=80 * GIB, free_bytes=78 * GIB)
WORKING = TrainingStack(
    torch="2.13.0",
    torch_cuda="13.0",
    torch_architectures=("sm_75", "sm_80", "sm_90", "sm_120", "compute_120"),
    cuda_available=True,
    gpus=(H100,),
    mmcv_ops="compiled",
)


def environment(
    versions: dict[str, str | None] | None = None,
    *,
    misfits: tuple[str, ...] = (),
    ops: str | None = None,
    stack: TrainingStack = WORKING,
    **values: Any,
) -> Environment:
    """Return a machine on which all is well, with some packages changed.

    `misfits` are those outside their range: comparing versions is not the checks' business.
    """
    installed = {**VERSIONS, **(versions or {})}
    present = {name: version for name, version in installed.items() if version is not None}
    requirements = [
        Requirement(
            name=name,
            specifier=specifier,
            installed=present.get(name),
            fits=name in present and name not in misfits,
        )
        for name, specifier in SPECIFIERS.items()
    ]
    extra = Requirement(
        name="mmcv", specifier="==2.1.0", extra="ops", installed=ops, fits=ops == "2.1.0"
    )
    if ops:
        present["mmcv"] = ops
    healthy: dict[str, Any] = {
        "memory_total": 64 * GIB,
        "memory_available": 60 * GIB,
        "shared_memory_free": 16 * GIB,
        "disks": (Disk(what="runs", path="/runs", free_bytes=100 * GIB),),
        "driver": Driver(version="580.1", gpus=("H100",)),
        "needed": (Needed(what="base weights", wanted="w", place="/w.pth", present=True),),
    }
    return Environment(
        train_teacher="0.1.0",
        python="3.11.7",
        requirements=(*requirements, extra),
        distributions=present,
        stack=stack,
        **{**healthy, **values},
    )


def stack(**changes: Any) -> TrainingStack:
    known = {name: getattr(WORKING, name) for name in TrainingStack.__struct_fields__}
    return TrainingStack(**{**known, **changes})


def broken(kind: str, message: str) -> TrainingStack:
    problem = ImportProblem(module="mmdet", types=(kind, "Exception"), message=message)
    return stack(problems=(problem,))
