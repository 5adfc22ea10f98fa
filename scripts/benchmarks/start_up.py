"""From the command to the end of the first training step: where the seconds go.

python scripts/benchmarks/start_up.py                    # demo model
python scripts/benchmarks/start_up.py --model swin-t     # random weights in a file of full size

The command is `train-teacher` as a user starts it, in a process of its own, with a small generated
data set and everything in the file cache (the first of the runs is not counted). Stages lie inside
each other; the seconds of one are without those of the stages below it. The validation of the base
weights, which is work that was asked for, is left out unless --evaluate-before.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parents[1]
STARTED = "START_UP_BENCHMARK_STARTED"
REPORT = "START_UP_BENCHMARK_REPORT"
PYTHON = "python and the command line"
REST = "rest"

# (module, attribute path, stage); patched before the use case is called.
BEFORE = (
    ("data.manager", "DataManager.inspect", "inspection"),
    ("data.manager", "DataManager.plan_splits", "splits"),
    ("data.manager", "DataManager.write_splits", "splits"),
    ("training.plan", "resolve_weights", "weights: found and checked"),
    ("training.plan", "obtain_language_model", "language model: found"),
    ("config.merge", "build_config", "config"),
    ("config.merge", "render_config", "config"),
    ("config.merge", "differences_from", "config"),
    ("engine.machine", "resolve_device", "import torch"),
    ("engine.runner", "load_config", "import the training stack"),
    ("engine.runner", "build_runner", "runner: the rest"),
)
# The same, once the training stack is imported.
AFTER = (
    ("mmdet_plugin.model.detector", "TeacherGroundingDINO.__init__", "model: built"),
    ("mmdet_plugin.model.detector", "load_base_checkpoint", "model: base loaded"),
    ("mmdet_plugin.model.language_model", "_build_bert", "model: built"),
    ("mmdet_plugin.runner", "TeacherRunner.build_train_loop", "data set and loader"),
    ("mmdet_plugin.runner", "TeacherRunner.build_val_loop", "data set and loader"),
    ("mmdet_plugin.runner", "TeacherRunner.build_optim_wrapper", "optimizer"),
    ("mmdet_plugin.startup.hook", "ProbeHook.fit", "probe step, on a GPU"),
    ("mmdet_plugin.startup.hook", "_rehearse", "preflight: a step and a validation image"),
    ("mmdet_plugin.reporting.hooks", "FreezeProofHook.before_train", "freeze table and digests"),
    ("mmdet_plugin.reporting.hooks", "BaseEvaluationHook.before_train", "validation of the base"),
    ("mmdet_plugin.loop.train_loop", "TeacherTrainLoop.run_epoch", "first batch"),
    ("mmdet_plugin.loop.train_loop", "TeacherTrainLoop.run_iter", "first step"),
)


class Stages:
    """Seconds by stage, each without those inside it."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.seconds: dict[str, float] = {}
        self._inside: list[float] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what happens inside as a stage."""
        start = time.time()
        self._inside.append(0.0)
        try:
            yield
        finally:
            whole = time.time() - start
            own = whole - self._inside.pop()
            self.seconds[name] = self.seconds.get(name, 0.0) + own
            if self._inside:
                self._inside[-1] += whole

    def watch(self, places: tuple[tuple[str, str, str], ...], then: Callable[[str], None]) -> None:
        """Count calls of functions as stages.

        Args:
            places: module below train_teacher, attribute path, stage.
            then: called with the stage after each call.
        """
        for module, path, name in places:
            owner: Any = importlib.import_module(f"train_teacher.{module}")
            *parents, attribute = path.split(".")
            for parent in parents:
                owner = getattr(owner, parent)
            setattr(owner, attribute, self._counted(getattr(owner, attribute), name, then))

    def _counted(self, function: Any, name: str, then: Callable[[str], None]) -> Any:
        @functools.wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Any:
            with self.stage(name):
                result = function(*args, **kwargs)
            then(name)
            return result

        return counted


def be_the_command() -> None:
    """Run `train-teacher` with stages counted, and end after the first step."""
    from train_teacher.cli.main import train_teacher

    started = float(os.environ[STARTED])
    stages = Stages()
    stages.seconds[PYTHON] = time.time() - started
    watched = False

    def then(name: str) -> None:
        nonlocal watched
        if name == "import the training stack" and not watched:
            watched = True
            stages.watch(AFTER, then)
        if name == "first step":
            total = time.time() - started
            report = {**stages.seconds, REST: 0.0, "total": total}
            # What is open is not in its stage yet: the epoch, until here, waited for its batch.
            report["first batch"] = epoch_to_step[1] - epoch_to_step[0]
            report[REST] = total - sum(v for k, v in report.items() if k not in (REST, "total"))
            Path(os.environ[REPORT]).write_text(json.dumps(report))
            sys.stderr.flush()
            os._exit(0)

    epoch_to_step = [0.0, 0.0]
    _note_times(stages, epoch_to_step)
    stages.watch(BEFORE, then)
    train_teacher()


def _note_times(stages: Stages, epoch_to_step: list[float]) -> None:
    """Note when the epoch and when its first step began."""
    whole = stages.stage

    @contextmanager
    def noting(name: str) -> Iterator[None]:
        if name == "first batch":
            epoch_to_step[0] = time.time()
        elif name == "first step":
            epoch_to_step[1] = time.time()
        with whole(name):
            yield

    stages.stage = noting  # type: ignore[method-assign]


def write_base(model: str, folder: Path) -> tuple[Path, Path]:
    """Write a base checkpoint of random weights and a language model's folder."""
    import torch
    from benchmark_models import class_names, our_config, prepare_upstream, write_bert

    prepare_upstream()
    from mmdet.registry import MODELS

    bert = write_bert(folder / "bert")
    options = argparse.Namespace(
        model=model, names=class_names(3), boxes=4, batch=2, precision="fp32", checkpoint_layers=0
    )
    detector = MODELS.build(our_config("frozen", options, bert).model)
    detector.init_weights()
    torch.save({"state_dict": detector.state_dict()}, folder / "base.pth")
    return folder / "base.pth", bert


def write_images(folder: Path, images: int) -> Path:
    """Write generated images and return their JSON."""
    spec = importlib.util.spec_from_file_location("demo_data", SCRIPTS / "make_demo_data.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path: Path = module.write_dataset(folder, images, 0, module.DEMO_CLASSES)
    return path


def measure(options: argparse.Namespace) -> list[dict[str, float]]:
    """Run the command several times."""
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        command = [sys.executable, str(Path(__file__).resolve()), "--be-the-command"]
        command += ["--data", str(write_images(folder / "data", options.images))]
        command += ["--model", options.model, "--tune", options.tune, "--device", "cpu"]
        command += ["--batch-size", str(options.batch), "--epochs", "1"]
        if options.model != "demo":
            base, bert = _in_a_process(options.model, folder)
            command += ["--weights", str(base), "--language-model", str(bert)]
        settings = folder / "settings.yaml"
        settings.write_text(f"evaluate_before: {str(options.evaluate_before).lower()}\n")
        command += ["--config", str(settings)]
        return [
            _run([*command, "--output", str(folder / f"run{turn}")], folder / "report.json")
            for turn in range(options.runs + 1)
        ][1:]


def _in_a_process(model: str, folder: Path) -> tuple[Path, Path]:
    """Write the base elsewhere: its memory must not count here."""
    program = (
        f"import sys; sys.path[:0] = [{str(Path(__file__).parent)!r}]; import start_up, pathlib; "
        f"start_up.write_base({model!r}, pathlib.Path({str(folder)!r}))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    return folder / "base.pth", folder / "bert"


def _run(command: list[str], report: Path) -> dict[str, float]:
    environment = {**os.environ, STARTED: str(time.time()), REPORT: str(report)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"the command failed:\n{result.stderr}")
    seconds: dict[str, float] = json.loads(report.read_text())
    report.unlink()
    return seconds


def table(runs: list[dict[str, float]], options: argparse.Namespace) -> str:
    """Return a Markdown table with machine and date."""
    import torch

    names = sorted(runs[0], key=lambda name: (name == "total", -runs[0][name]))
    lines = [
        f"Start-up of {options.model}, --tune {options.tune}, {options.images} images, batch "
        f"{options.batch}, {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, torch {torch.__version__}, "
        f"{datetime.now(timezone.utc):%Y-%m-%d}; median of {len(runs)} runs",
        "",
        "| stage | s |",
        "|---|---|",
    ]
    for name in names:
        lines.append(f"| {name} | {statistics.median(run.get(name, 0.0) for run in runs):.2f} |")
    return "\n".join(lines)


def read_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=("demo", "swin-t"), default="demo")
    parser.add_argument("--tune", choices=("frozen", "lora", "full"), default="frozen")
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3, help="counted runs, after one that is not")
    parser.add_argument("--evaluate-before", action="store_true")
    parser.add_argument("--folder", type=Path, help="for a base of 0.7 GB and the runs")
    return parser.parse_args()


def main() -> None:
    """Measure and print, or be what is measured."""
    if sys.argv[1:2] == ["--be-the-command"]:
        del sys.argv[1]
        be_the_command()
        return
    options = read_options()
    print(table(measure(options), options))


if __name__ == "__main__":
    main()
