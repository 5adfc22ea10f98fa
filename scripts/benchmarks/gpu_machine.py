"""The GPU benchmarks on a CUDA machine that has Python 3.12 and PyTorch 2.11, and no network.

    python scripts/benchmarks/gpu_machine.py pack [--wheels DIR] [--opencv]    # with network
    python scripts/benchmarks/gpu_machine.py run [--wheels DIR] [--output OUT] # on the machine

Both in a clone of this repository, which travels with the wheels (about 63 MB; --opencv adds 60
for a machine that has no cv2). Nothing of the machine's own Python is changed: the wheels go into a
folder that is put before it. Each table is printed, and written to OUT with the figures as JSON.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from importlib.metadata import requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PYTHON = "3.12"
PLATFORMS = (*(f"manylinux_2_{n}_x86_64" for n in (34, 31, 28, 27, 24, 17)), "manylinux2014_x86_64")
ON_THE_MACHINE = re.compile(
    r"torch|triton|nvidia-.*|cuda-.*|numpy|sympy|mpmath|networkx|jinja2|markupsafe|filelock|fsspec"
    r"|scipy|hf-xet"
)
FURTHER = ("pytest", "hypothesis")
TRITON = "deformops>=3.0,<4"
STEP = "train_step.py --device cuda --steps 20"
WORK = {
    "step_3_classes_bf16": f"{STEP} --classes 3 --size 800 --batch 4 --precision bf16 --peers",
    "step_80_classes_bf16": f"{STEP} --classes 80 --size 800 --batch 4 --precision bf16",
    "step_3_classes_fp32": f"{STEP} --classes 3 --size 800 --batch 2 --precision fp32",
    "scaling_bf16": "scaling.py --device cuda --precision bf16 --steps 10 "
    "--vary size,classes,boxes,batch",
    "losses": "loss_curves.py --device cuda --precisions fp32,bf16 --batch 4",
    "losses_aligned": "loss_curves.py --device cuda --precisions fp32 --aligned",
    "validation": "validate.py --device cuda",
}
JSON = ("train_step.py", "scaling.py")


def needed() -> dict[str, str]:
    """Return name and version of what train-teacher needs, as this environment has it."""
    found: dict[str, str] = {}
    open_ends = ["train-teacher", *FURTHER]
    while open_ends:
        name = canonicalize_name(open_ends.pop())
        if name in found or ON_THE_MACHINE.fullmatch(name):
            continue
        found[name] = version(name)
        for line in requires(name) or ():
            need = Requirement(line)
            there = {"python_version": PYTHON, "python_full_version": f"{PYTHON}.3", "extra": ""}
            if need.marker is None or need.marker.evaluate(there):
                open_ends.append(need.name)
    del found["train-teacher"]
    return found


def pack(wheels: Path, *, opencv: bool) -> None:
    """Download what the machine lacks, in the versions that are installed here."""
    wheels.mkdir(parents=True, exist_ok=True)
    target = ["--only-binary=:all:", "--python-version", PYTHON, "--implementation", "cp"]
    for platform in PLATFORMS:
        target += ["--platform", platform]
    carried = [f"{name}=={number}" for name, number in sorted(needed().items())]
    carried = [one for one in carried if opencv or not one.startswith("opencv")]
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
    subprocess.run([*pip, "--no-deps", *target, "-d", str(wheels), *carried, TRITON], check=True)
    size = sum(path.stat().st_size for path in wheels.glob("*.whl"))
    print(f"{wheels}: {len(carried) + 1} wheels, {size / 1e6:.0f} MB")


def run(wheels: Path, output: Path) -> int:
    """Install, test, measure; return how many of the parts failed."""
    output.mkdir(parents=True, exist_ok=True)
    site = Path(tempfile.mkdtemp(prefix="gpu-wheels-"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    found = sorted(str(path) for path in wheels.glob("*.whl"))
    if not found:
        raise SystemExit(f"{wheels}: no wheels; run `gpu_machine.py pack` where there is a network")
    subprocess.run([*pip, "--no-compile", "--target", str(site), *found], check=True)
    places = os.pathsep.join((str(site), str(ROOT / "src"), str(ROOT / "tests")))
    environment = {**os.environ, "PYTHONPATH": places, "HF_HUB_OFFLINE": "1"}
    tests = [sys.executable, "-m", "pytest", "-q", "-x", str(ROOT / "tests/unit/mmdet_plugin")]
    failed = 0 if _do("tests", tests, output, environment) else 1
    for name, line in WORK.items():
        script, *arguments = line.split()
        command = [sys.executable, str(ROOT / "scripts/benchmarks" / script), *arguments]
        if script in JSON:
            command += ["--json", str(output / f"{name}.json")]
        if script == "loss_curves.py":
            command += ["--csv", str(output / f"{name}.csv")]
        failed += not _do(name, command, output, environment)
    return failed


def _do(name: str, command: list[str], output: Path, environment: dict[str, str]) -> bool:
    started = time.monotonic()
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, cwd=ROOT, check=False
    )
    (output / f"{name}.txt").write_text(done.stdout + "\n--- stderr\n" + done.stderr)
    how = "done" if done.returncode == 0 else f"failed with {done.returncode}"
    print(f"== {name}: {how} in {time.monotonic() - started:.0f} s\n{done.stdout}", flush=True)
    if done.returncode:
        print("\n".join(done.stderr.splitlines()[-15:]), flush=True)
    return done.returncode == 0


def main() -> None:
    """Pack or run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("pack", "run"))
    parser.add_argument("--wheels", type=Path, default=ROOT / ".gpu-wheels")
    parser.add_argument("--output", type=Path, default=ROOT / ".gpu-results")
    parser.add_argument("--opencv", action="store_true", help="carry cv2, too")
    options = parser.parse_args()
    if options.what == "pack":
        pack(options.wheels, opencv=options.opencv)
    else:
        raise SystemExit(run(options.wheels, options.output))


if __name__ == "__main__":
    main()
