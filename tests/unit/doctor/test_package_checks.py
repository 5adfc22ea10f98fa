from __future__ import annotations

from collections.abc import Callable

import pytest

from doctor_machine import GIB, broken, environment, stack
from train_teacher.doctor.facts import (
    Environment,
    EnvironmentFinding,
)
from train_teacher.doctor.package_checks import check_environment


def test_a_machine_on_which_all_is_well_has_no_findings() -> None:
    assert check_environment(environment()) == ()


def test_a_compiled_mmcv_in_place_of_mmcv_lite_is_well() -> None:
    assert check_environment(environment({"mmcv-lite": None}, ops="2.1.0")) == ()


def test_another_opencv_package_is_well() -> None:
    changed = environment({"opencv-python": None, "opencv-python-headless": "5.0.0"})
    assert check_environment(changed) == ()


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


def test_an_import_that_fails_beside_an_old_pytorch_is_not_blamed_on_another_package() -> None:
    message = "cannot import name 'BertModel' from 'transformers'"
    seen = environment({"torch": "2.1.2"}, misfits=("torch",), stack=broken("ImportError", message))
    assert {finding.fix for finding in check_environment(seen)} == {
        'pip install "torch>=2.6,<2.14"'
    }
