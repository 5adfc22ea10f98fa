"""The GPU benchmarks on a CUDA machine that has Python 3.12 and PyTorch 2.11, and no network.

    python scripts/benchmarks/gpu_machine.py pack [--wheels DIR] [--opencv]    # with network
    python scripts/benchmarks/gpu_machine.py run [--wheels DIR] [--output OUT] # on the machine
    python scripts/benchmarks/gpu_machine.py run --only step_3_classes_bf16,losses --limit 540
    python scripts/benchmarks/gpu_machine.py try                               # on any CPU

The first two in a clone of this repository, which travels with the wheels (about 63 MB; --opencv
adds 60 for a machine that has no cv2). Nothing of the machine's own Python is changed: the wheels
go into a folder that is put before it, and with --site stay there for the next part. Each table is
printed, and written to OUT with the figures as JSON. A part that takes longer than --limit seconds
is ended and counts as failed; the others are still done. `try` runs the same parts here, small and
on the demo model, to see that they run at all.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
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
MODES = "stock,stock-kept,frozen-plain-kept,frozen,lora-plain-kept,lora"
STEP = f"train_step.py --device cuda --steps 20 --modes {MODES}"
ABLATION = "ablation.py --device cuda --steps 20 --size 800 --batch 2 --precision bf16"
MEMORY = "memory_table.py swin-t {tune} bf16 --batch 1 2 4 --layers {layers} --real"
SCALING = "scaling.py --device cuda --precision bf16 --steps 10"
VARIED = ("size", "classes", "boxes", "batch")
WORK = {
    "step_3_classes_bf16": f"{STEP} --classes 3 --size 800 --batch 4 --precision bf16 --peers",
    "step_80_classes_bf16": f"{STEP} --classes 80 --size 800 --batch 4 --precision bf16",
    "step_3_classes_fp32": f"{STEP} --classes 3 --size 800 --batch 2 --precision fp32",
    **{f"scaling_{varied}_bf16": f"{SCALING} --vary {varied}" for varied in VARIED},
    "ablation_frozen": f"{ABLATION} --tunes frozen --classes 80",
    "ablation_lora": f"{ABLATION} --tunes lora --classes 80",
    "memory_plain": MEMORY.format(tune="plain", layers=0),
    **{f"memory_{t}": MEMORY.format(tune=t, layers="0 6") for t in ("frozen", "lora", "full")},
    "losses": "loss_curves.py --device cuda --precisions fp32,bf16 --batch 4",
    "losses_aligned": "loss_curves.py --device cuda --precisions fp32 --aligned",
    "validation": "validate.py --device cuda",
    "loader": "loader.py --device cuda --model swin-t --workers 0,2,8",
}
TESTS = "tests"
PARTS = (TESTS, *WORK)
JSON = ("train_step.py", "scaling.py")
SMALL = (
    (r"--batch 1 2 4 --layers .*", "--batch 1 --layers 0"),
    (r"--device cuda", "--device cpu --threads 1"),
    (r"--precision \w+", "--precision fp32"),
    (r"--precisions [\w,]+", "--precisions fp32"),
    (r"--(steps|batch) \d+(?! \d)", r"--\1 2"),
    (r"--size \d+", "--size 256"),
    (r" --model \S+| --peers| --real", ""),
    (r"^(train_step|ablation)\.py", r"\1.py --model demo"),
    (r"^scaling\.py", "scaling.py --model demo --size 256"),
    (r"^loss_curves\.py", "loss_curves.py --model demo --size 160 --steps 10"),
    (r"^(loader.py.*) --threads 1", r"\1 --images 8 --rounds 1 --steps 0"),
    (r"^validate\.py", "validate.py --images 8 --rounds 1"),
)
"""Changes that make a command one for a CPU: pattern and replacement, in this order."""


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


def run(options: argparse.Namespace, *, small: bool) -> int:
    """Install, test, measure; return how many of the parts failed."""
    output: Path = options.output
    output.mkdir(parents=True, exist_ok=True)
    places = [str(ROOT / "src"), str(ROOT / "tests")]
    if not small:
        site = options.site or Path(tempfile.mkdtemp(prefix="gpu-wheels-"))
        install(options.wheels, site)
        places.insert(0, str(site))
    environment = {
        **os.environ, "PYTHONPATH": os.pathsep.join(places), "HF_HUB_OFFLINE": "1"
    }  # fmt: skip
    failed = [
        name
        for name in options.only
        if not _do(name, command_of(name, output, small), output, environment, options.limit)
    ]
    if failed:
        print(f"failed: {', '.join(failed)}")
    return len(failed)


def install(wheels: Path, site: Path) -> None:
    """Unpack the wheels, unless an earlier call has."""
    done = site / "complete"
    if done.exists():
        return
    found = sorted(str(path) for path in wheels.glob("*.whl"))
    if not found:
        raise SystemExit(f"{wheels}: no wheels; run `gpu_machine.py pack` where there is a network")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--no-compile", "--target", str(site), *found], check=True)
    done.touch()


def command_of(name: str, output: Path, small: bool) -> list[str]:
    """Return the command of a part."""
    if name == TESTS:
        return [sys.executable, "-m", "pytest", "-q", "-x", str(ROOT / "tests/unit/mmdet_plugin")]
    command_line = WORK[name]
    for pattern, replacement in SMALL if small else ():
        command_line = re.sub(pattern, replacement, command_line)
    script, *arguments = command_line.split()
    command = [sys.executable, str(ROOT / "scripts/benchmarks" / script), *arguments]
    if script in JSON:
        command += ["--json", str(output / f"{name}.json")]
    if script == "loss_curves.py":
        command += ["--csv", str(output / f"{name}.csv")]
    return command


def _do(
    name: str, command: list[str], output: Path, environment: dict[str, str], limit: float | None
) -> bool:
    """Run a part with everything it starts, and print and keep what it says."""
    started = time.monotonic()
    said, errors = output / f"{name}.txt", output / f"{name}.stderr.txt"
    with said.open("w") as out, errors.open("w") as err:
        part = subprocess.Popen(
            command, env=environment, stdout=out, stderr=err, cwd=ROOT, start_new_session=True
        )
        try:
            code = part.wait(limit)
            how = "done" if code == 0 else f"failed with {code}"
        except subprocess.TimeoutExpired:
            code, how = 1, f"ended at the limit of {limit:.0f} s"
        finally:
            # What it started, such as loader processes, must not stay on the GPU.
            with suppress(ProcessLookupError):
                os.killpg(part.pid, signal.SIGKILL)
            part.wait()
    print(
        f"== {name}: {how} after {time.monotonic() - started:.0f} s\n{said.read_text()}", flush=True
    )
    if code:
        print("\n".join(errors.read_text().splitlines()[-15:]), flush=True)
    return code == 0


def read_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("pack", "run", "try"))
    parser.add_argument("--wheels", type=Path, default=ROOT / ".gpu-wheels")
    parser.add_argument("--output", type=Path, default=ROOT / ".gpu-results")
    parser.add_argument("--opencv", action="store_true", help="pack: carry cv2, too")
    parser.add_argument("--only", default=",".join(PARTS), help=f"run: of {', '.join(PARTS)}")
    parser.add_argument("--limit", type=float, help="run: seconds a part may take")
    parser.add_argument("--site", type=Path, help="run: where the wheels are unpacked and stay")
    options = parser.parse_args()
    options.only = options.only.split(",")
    if unknown := sorted({*options.only} - {*PARTS}):
        parser.error(f"--only {','.join(unknown)}: known are {', '.join(PARTS)}")
    return options


def main() -> None:
    """Pack or run."""
    options = read_options()
    if options.what == "pack":
        pack(options.wheels, opencv=options.opencv)
    else:
        raise SystemExit(run(options, small=options.what == "try"))


if __name__ == "__main__":
    main()
