"""Builds the pretended GPU, and runs the rehearsal in a process that believes in it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def compiled(folder: Path) -> Path:
    """Compile the device."""
    spec = importlib.util.find_spec("torch")
    assert spec is not None
    assert spec.origin is not None
    root, library = Path(spec.origin).parent, folder / "libguard.so"
    includes = [f"-I{root}/include", f"-I{root}/include/torch/csrc/api/include"]
    libraries = [f"-L{root}/lib", f"-Wl,-rpath,{root}/lib", "-lc10", "-ltorch_cpu"]
    subprocess.run(
        ["g++", "-O1", "-shared", "-fPIC", "-std=c++20", *includes, HERE / "guard.cpp",
         "-o", library, *libraries],
        check=True,
    )  # fmt: skip
    return library


def on_gpu(guard: Path | None, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the rehearsal in a process that believes in the device; None: on the machine's GPU."""
    benchmarks = HERE.parents[1] / "scripts" / "benchmarks"
    environment = {
        **os.environ,
        **({"PRETENDED_GPU": str(guard)} if guard else {}),
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": os.pathsep.join([*sys.path[1:], str(HERE.parent), str(benchmarks)]),
    }
    return subprocess.run(
        [sys.executable, HERE / "rehearse.py", *map(str, arguments)],
        capture_output=True, text=True, env=environment, timeout=1800, check=False,
    )  # fmt: skip


def rehearse(guard: Path | None, cases: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what happened in each case."""
    result = on_gpu(guard, json.dumps(list(cases.values())))
    assert result.returncode == 0, result.stderr[-3000:]
    found = json.loads(result.stdout.splitlines()[-1])
    return dict(zip(cases, found, strict=True))
