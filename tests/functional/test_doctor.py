"""`teacher doctor` as a user runs it, on this machine and on broken ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = str(Path(sys.executable).parent / "teacher")


def doctor(*arguments: str, modules: Path | None = None) -> subprocess.CompletedProcess[str]:
    paths = [str(modules)] if modules else []
    paths += [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return subprocess.run(
        [PROGRAM, "doctor", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_json_has_versions_machine_and_findings() -> None:
    result = doctor("--format", "json", "--model", "demo")
    report = json.loads(result.stdout)
    assert result.stderr == ""
    assert report["healthy"] == (result.returncode == 0)
    seen = report["environment"]
    assert seen["stack"]["problems"] == []
    assert seen["stack"]["mmcv_ops"] in ("stand-in", "compiled")
    assert {"torch", "mmdet"} <= {requirement["name"] for requirement in seen["requirements"]}
    for finding in report["findings"]:
        assert set(finding) == {"code", "severity", "what", "consequence", "fix"}


@pytest.mark.parametrize("package", ["torch", "mmdet"])
def test_a_stack_that_cannot_be_imported_is_a_finding(package: str, tmp_path: Path) -> None:
    # What a wheel for another system does.
    broken = f"raise ImportError('lib{package}.so.1: cannot open shared object file')\n"
    (tmp_path / f"{package}.py").write_text(broken)
    result = doctor("--model", "demo", modules=tmp_path)
    assert result.returncode == 1, result.stderr
    assert f"import {package} fails: ImportError" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr
    prose = [line for line in result.stdout.splitlines() if "fix: " not in line and "/" not in line]
    assert max(len(line) for line in prose) <= 80


def test_a_stack_that_crashes_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("import os\nos.abort()\n")
    result = doctor("--model", "demo", modules=tmp_path)
    assert result.returncode == 1
    assert "import torch fails: Failure: ended by signal 6" in result.stdout
