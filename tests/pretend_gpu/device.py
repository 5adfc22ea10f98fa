"""Builds the pretended GPU, and runs commands and rehearsals that believe in it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from commands import DEVICE, start_command

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


def on_gpu(
    guard: Path, *arguments: object, prepare: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a process that believes in the device."""
    with start_command(*map(str, arguments), prepare=prepare, **{DEVICE: str(guard)}) as command:
        return command.finished(timeout=1800)


def rehearse(guard: Path, cases: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what happened in each case."""
    prepare = partial(print_rehearsed, [*cases.values()])
    result = on_gpu(guard, "rehearse", prepare=prepare)
    assert result.returncode == 0, result.stderr[-3000:]
    found = json.loads(result.stdout.splitlines()[-1])
    return dict(zip(cases, found, strict=True))


def print_rehearsed(cases: list[dict[str, Any]]) -> None:
    """Rehearse in this process, which has the device, and end it."""
    from pretend_gpu.rehearse import rehearse_all

    print(json.dumps(rehearse_all(cases)))  # noqa: T201
    sys.exit()
