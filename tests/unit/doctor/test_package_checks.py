from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from train_teacher.doctor.facts import (
    Disk,
    Driver,
    Environment,
    EnvironmentFinding,
    Gpu,
    ImportProblem,
    Needed,
    Requirement,
    TrainingStack,
)
from train_teacher.doctor.package_checks import check_environment

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


def test_a_machine_on_which_all_is_well_has_no_findings() -> None:
    assert check_environment(environment()) == ()


def test_a_compiled_mmcv_in_place_of_mmcv_lite_is_well() -> None:
    assert check_environment(environment({"mmcv-lite": None}, ops="2.1.0")) == ()


def test_another_opencv_package_is_well() -> None:
    changed = environment({"opencv-python": None, "opencv-python-headless": "5.0.0"})
    assert check_environment(changed) == ()


CPU_BUILD = stack(torch_cuda=None, cuda_available=False, gpus=(), torch="2.13.0+cpu")
OLD_DRIVER = stack(
    cuda_available=False, gpus=(), cuda_problem="The NVIDIA driver on your system is too old"
)
SHM_FULL = GIB // 16

TRAPS: list[tuple[str, str, Callable[[], Environment], str]] = [
    (
        "version-mmcv",
        "error",
        lambda: environment({"mmcv-lite": None}, ops="2.2.0"),
        'pip uninstall -y mmcv && pip install "mmcv-lite==2.1.0"',
    ),
    (
        "mmcv-full",
        "error",
        lambda: environment({"mmcv-full": "1.7.0"}),
        'pip uninstall -y mmcv-full mmcv-lite && pip install "mmcv-lite==2.1.0"',
    ),
    (
        "mmcv-twice",
        "warning",
        lambda: environment(ops="2.1.0", stack=stack(mmcv_ops=None)),
        'pip uninstall -y mmcv mmcv-lite && pip install "mmcv-lite==2.1.0"',
    ),
    (
        "onedl",
        "error",
        lambda: environment({"onedl-mmdetection": "3.5.1"}),
        "pip uninstall -y onedl-mmdetection && pip install --force-reinstall --no-deps "
        '"mmdet==3.3.0"',
    ),
    (
        "version-setuptools",
        "error",
        lambda: environment({"setuptools": "81.0.0"}, misfits=("setuptools",)),
        'pip install "setuptools<81"',
    ),
    (
        "version-transformers",
        "error",
        lambda: environment({"transformers": "5.1.0"}, misfits=("transformers",)),
        'pip install "transformers>=4.57,<4.58"',
    ),
    (
        "version-numpy",
        "error",
        lambda: environment({"numpy": "1.24.0"}, misfits=("numpy",)),
        'pip install "numpy>=1.26,<3"',
    ),
    (
        "version-torch",
        "error",
        lambda: environment({"torch": "2.14.0"}, misfits=("torch",)),
        'pip install "torch>=2.6,<2.14"',
    ),
    (
        "version-torch",
        "error",
        lambda: environment({"torch": "2.5.1+cu121"}, misfits=("torch",)),
        'pip install "torch>=2.6,<2.14"',
    ),
    (
        "version-rich",
        "warning",
        lambda: environment({"rich": "16.0"}, misfits=("rich",)),
        'pip install "rich>=13.7,<16"',
    ),
    ("missing-mmdet", "error", lambda: environment({"mmdet": None}), 'pip install "mmdet==3.3.0"'),
    (
        "opencv-twice",
        "warning",
        lambda: environment({"opencv-python-headless": "5.0.0"}),
        "pip uninstall -y opencv-python opencv-python-headless && "
        'pip install "opencv-python>=4.9,<6"',
    ),
    (
        "torch-cpu",
        "warning",
        lambda: environment(stack=CPU_BUILD),
        "pip uninstall -y torch && pip install torch==2.13.0",
    ),
    (
        "driver-old",
        "error",
        lambda: environment(stack=OLD_DRIVER),
        'update the NVIDIA driver to 580 or newer, or: pip install "torch>=2.6,<2.11"',
    ),
    (
        "gpu-hidden",
        "warning",
        lambda: environment(stack=stack(cuda_available=False, gpus=())),
        "CUDA_VISIBLE_DEVICES",
    ),
    ("no-gpu", "info", lambda: environment(stack=CPU_BUILD, driver=None), ""),
    (
        "gpu-code",
        "error",
        lambda: environment(stack=stack(gpus=(gpu((6, 1)),))),
        'pip install --upgrade "torch>=2.6,<2.8"',
    ),
    (
        "gpu-code",
        "error",
        lambda: environment(
            stack=stack(gpus=(gpu((12, 0)),), torch_architectures=("sm_80", "sm_90"))
        ),
        'pip install --upgrade "torch>=2.7,<2.14"',
    ),
    (
        "gpu-memory",
        "warning",
        lambda: environment(stack=stack(gpus=(gpu((9, 0), free=GIB),))),
        "--batch-size 1",
    ),
    (
        "no-compiled-ops",
        "info",
        lambda: environment(stack=stack(mmcv_ops="stand-in")),
        "scripts/build_mmcv.sh",
    ),
    ("memory", "warning", lambda: environment(memory_available=GIB), "--memory"),
    ("shared-memory", "warning", lambda: environment(shared_memory_free=SHM_FULL), "--shm-size"),
    ("disk", "warning", lambda: environment(disks=(disk(2 * GIB),)), "TRAIN_TEACHER_CACHE"),
    ("disk", "error", lambda: environment(disks=(disk(1000),)), "TRAIN_TEACHER_CACHE"),
    ("no-base-weights", "info", lambda: environment(needed=(absent(),)), "teacher fetch swin-t"),
    (
        "no-base-weights",
        "error",
        lambda: environment(needed=(absent(),), offline="HF_HUB_OFFLINE=1 forbids the network"),
        "teacher fetch swin-t --to DIR",
    ),
    (
        "damaged-base-weights",
        "error",
        lambda: environment(needed=(absent(present=True, problem="is cut off"),)),
        'rm "/w.pth" && teacher fetch swin-t',
    ),
    ("python", "error", lambda: environment(python_fits=False), "python3.12"),
    ("not-installed", "error", lambda: environment(installed=False), "pip install -e ."),
    (
        "import-mmdet",
        "error",
        lambda: environment(stack=broken("AssertionError", "MMCV==2.2.0 is used but incompatible")),
        "mmcv-lite==2.1.0",
    ),
    (
        "import-mmdet",
        "error",
        lambda: environment(stack=broken("ValueError", "a reason nobody knows")),
        'pip install --force-reinstall "mmdet==3.3.0"',
    ),
    (
        "import-mmdet",
        "error",
        lambda: environment(stack=broken("ModuleNotFoundError", "No module named 'shapely'")),
        "pip install shapely",
    ),
    (
        "missing-opencv-python",
        "error",
        lambda: environment(
            {"opencv-python": None}, stack=broken("ModuleNotFoundError", "No module named 'cv2'")
        ),
        'pip install "opencv-python>=4.9,<6"',
    ),
]


def gpu(capability: tuple[int, int], free: int = 70 * GIB) -> Gpu:
    return Gpu(name="GPU", capability=capability, total_bytes=80 * GIB, free_bytes=free)


def disk(free: int) -> Disk:
    return Disk(what="runs", path="/runs", free_bytes=free)


def absent(present: bool = False, problem: str | None = None) -> Needed:
    return Needed(what="base weights", wanted="w", place="/w.pth", present=present, problem=problem)


def broken(kind: str, message: str) -> TrainingStack:
    problem = ImportProblem(module="mmdet", types=(kind, "Exception"), message=message)
    return stack(problems=(problem,))


@pytest.mark.parametrize(("code", "severity", "make", "fix"), TRAPS)
def test_a_trap_is_found_with_the_line_that_mends_it(
    code: str, severity: str, make: Callable[[], Environment], fix: str
) -> None:
    found: tuple[EnvironmentFinding, ...] = check_environment(make())
    assert [(finding.code, finding.severity) for finding in found] == [(code, severity)]
    assert fix in found[0].fix
    assert found[0].what
    assert found[0].consequence.endswith(".")


def test_errors_come_first() -> None:
    found = check_environment(environment({"mmdet": None}, memory_available=GIB))
    assert [finding.severity for finding in found] == ["error", "warning"]


def test_a_gpu_newer_than_the_build_runs_its_portable_code() -> None:
    assert check_environment(environment(stack=stack(gpus=(gpu((12, 1)),)))) == ()


def test_a_pytorch_of_cuda_12_is_as_new_as_an_older_driver_allows() -> None:
    old = stack(
        torch="2.9.1",
        torch_cuda="12.8",
        cuda_available=False,
        gpus=(),
        cuda_problem="The NVIDIA driver on your system is too old",
    )
    (found,) = check_environment(environment({"torch": "2.9.1"}, stack=old))
    assert found.fix == "update the NVIDIA driver to 525 or newer"


def test_deformops_takes_the_place_of_compiled_ops() -> None:
    both = environment(stack=stack(mmcv_ops="stand-in", deformops=True))
    assert check_environment(both) == ()


def test_deformops_is_offered_where_it_can_be_installed() -> None:
    seen = environment(stack=stack(mmcv_ops="stand-in"))
    triton = Requirement(name="deformops", specifier=">=3.0,<4", extra="triton")
    seen = msgspec.structs.replace(seen, requirements=(*seen.requirements, triton))
    (found,) = check_environment(seen)
    assert found.fix == 'scripts/build_mmcv.sh or: pip install "deformops>=3.0,<4"'


def test_an_import_that_fails_beside_an_old_pytorch_is_not_blamed_on_another_package() -> None:
    message = "cannot import name 'BertModel' from 'transformers'"
    seen = environment({"torch": "2.1.2"}, misfits=("torch",), stack=broken("ImportError", message))
    assert {finding.fix for finding in check_environment(seen)} == {
        'pip install "torch>=2.6,<2.14"'
    }
