"""Stock validation beside ours: loading, model and counting by image, waits, and the same boxes.

python scripts/benchmarks/validate.py                       # demo model, generated images
python scripts/benchmarks/validate.py --run RUNS/exp1       # a trained run and its own images
python scripts/benchmarks/validate.py --model swin-t --images 8 --rounds 1 --size 800

`stock` is MMDetection's val loop in its own classes: pillow, one image at a time, CocoMetric.
`pillow` is ours with the same reading, whose boxes must be stock's; `ours` is the default (cv2).
Passes over the images take turns; a time is the median of the passes, in milliseconds an image.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import io
import json
import platform
import statistics
import tempfile
import time
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmark_models import class_names, dataset_info, prepare_upstream, write_bert
from train_step import synchronize

MODES = ("stock", "pillow", "ours")
SCRIPTS = Path(__file__).parents[1]
BOX_TOLERANCE = 0.1
"""Pixels."""
SCORE_TOLERANCE = 1e-4


@dataclass
class Pass:
    """Seconds of one pass over the images."""

    load: float = 0.0
    model: float = 0.0
    evaluate: float = 0.0


@dataclass
class Case:
    """A detector with its loader and metric."""

    mode: str
    config: Any
    detector: Any
    passes: list[Pass] = field(default_factory=list)
    host_reads: float = 0.0
    scores: dict[str, float] = field(default_factory=dict)
    found: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    """Scores and boxes by image."""

    def _build(self) -> tuple[Any, Any]:
        """Return loader and evaluator."""
        from mmengine.evaluator import Evaluator
        from mmengine.runner import Runner

        # MMEngine takes the configs apart, and pycocotools talks.
        with redirect_stdout(io.StringIO()):
            loader = Runner.build_dataloader(copy.deepcopy(self.config.val_dataloader), seed=0)
            evaluator = Evaluator([copy.deepcopy(self.config.val_evaluator)])
        evaluator.dataset_meta = loader.dataset.metainfo
        return loader, evaluator

    def warm_up(self) -> None:
        """Fill the caches."""
        self._predict(next(iter(self._build()[0])), None)

    def run(self, device: str, reads: Any = None) -> None:
        """Validate all images."""
        loader, evaluator = self._build()
        times = Pass()
        batches = iter(loader)
        while True:
            start = time.perf_counter()
            batch = next(batches, None)
            times.load += time.perf_counter() - start
            if batch is None:
                break
            start = time.perf_counter()
            samples = self._predict(batch, reads)
            synchronize(device)
            times.model += time.perf_counter() - start
            start = time.perf_counter()
            evaluator.process(data_samples=samples, data_batch=batch)
            times.evaluate += time.perf_counter() - start
            self._remember(samples)
        start = time.perf_counter()
        with redirect_stdout(io.StringIO()):
            self.scores = evaluator.evaluate(len(loader.dataset))
        times.evaluate += time.perf_counter() - start
        if reads is None:
            self.passes.append(times)
        else:
            self.host_reads = reads.total / len(loader.dataset)

    def _predict(self, batch: Any, reads: Any) -> Any:
        with torch.no_grad():
            if reads is None:
                return self.detector.val_step(batch)
            with reads:
                return self.detector.val_step(batch)

    def _remember(self, samples: Any) -> None:
        for sample in samples:
            one = sample.pred_instances.cpu()
            self.found[sample.img_id] = one.scores.numpy(), one.bboxes.numpy()

    def median(self, part: str, images: int) -> float:
        """Return milliseconds an image."""
        return 1000 * statistics.median(getattr(p, part) for p in self.passes) / images


def write_images(folder: Path, options: argparse.Namespace) -> Path:
    """Write generated images and return their JSON."""
    spec = importlib.util.spec_from_file_location("demo_data", SCRIPTS / "make_demo_data.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path: Path = module.write_dataset(folder, options.images, 0, module.DEMO_CLASSES)
    return path


def enlarged(annotations: Path, images: Path, folder: Path, factor: float) -> tuple[Path, Path]:
    """Write a data set with its images and boxes enlarged; return JSON and images' folder."""
    from PIL import Image

    content = json.loads(annotations.read_text())
    folder.mkdir(parents=True)
    for record in content["images"]:
        with Image.open(images / record["file_name"]) as image:
            size = round(record["width"] * factor), round(record["height"] * factor)
            target = folder / record["file_name"]
            target.parent.mkdir(parents=True, exist_ok=True)
            image.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(target, quality=92)
        record["width"], record["height"] = size
    for label in content["annotations"]:
        label["bbox"] = [value * factor for value in label["bbox"]]
        label["area"] *= factor**2
        label.pop("segmentation", None)
    path = folder / "annotations.json"
    path.write_text(json.dumps(content))
    return path, folder


def generated_config(options: argparse.Namespace, folder: Path) -> Any:
    """Return our config for generated images."""
    from train_teacher.config import merge
    from train_teacher.config.generate import generate_mmdet_config
    from train_teacher.settings import yaml_files
    from train_teacher.settings.layers import SettingsLayer, merge_settings

    annotations = write_images(folder / "images", options)
    names = [one["name"] for one in json.loads(annotations.read_text())["categories"]]
    info = dataset_info(tuple(names) if options.model == "demo" else class_names(5), 4)
    demo = SCRIPTS.parent / "configs" / "demo"
    values = {
        "data": "data.json",
        "output": str(folder / "run"),
        "weights": str(demo / "demo_base.pth") if options.model == "demo" else "none",
        "precision": "fp32",
        "workers": options.workers,
        "val_batch_size": options.batch,
    }
    if options.size:
        values |= {"val_scale": [options.size, 1333], "train_scales": [[options.size, 1333]]}
    if options.model == "demo":
        values["language_model"] = str(demo / "language_model")
    else:
        values["language_model"] = str(write_bert(folder / "bert"))
    layers = [yaml_files.read_preset(options.model), SettingsLayer("benchmark", values)]
    config = merge.build_config(generate_mmdet_config(info, merge_settings(layers)))
    config.model.language_model.own_weights = "never"
    point_at(config, annotations, annotations.parent / "images")
    config.val_dataloader.dataset.metainfo = {"classes": tuple(names)}
    return config


def point_at(config: Any, annotations: Path, images: Path) -> None:
    """Let a config validate on other images."""
    config.val_dataloader.dataset.ann_file = str(annotations)
    config.val_dataloader.dataset.data_prefix = {"img": f"{images}/"}
    config.val_evaluator.ann_file = str(annotations)


def read_with(config: Any, backend: str) -> None:
    """Set what reads and resizes images at validation."""
    for step in config.val_dataloader.dataset.pipeline:
        if step.type == "LoadPicture":
            step.imdecode_backend = backend
        elif step.type == "FixScaleResize":
            step.backend = backend


def make_stock(config: Any) -> None:
    """Turn our config into MMDetection's own classes."""
    config.model.accelerated = []
    config.val_evaluator.type = "CocoMetric"
    config.val_dataloader.update(
        batch_size=1, num_workers=min(2, config.val_dataloader.num_workers)
    )
    config.val_dataloader.persistent_workers = config.val_dataloader.num_workers > 0
    config.val_dataloader.sampler = {"type": "DefaultSampler", "shuffle": False}
    for step in config.val_dataloader.dataset.pipeline:
        if step.type == "LoadPicture":
            step.type = "LoadImageFromFile"


def make_cases(options: argparse.Namespace, folder: Path) -> list[Case]:
    """Build the detector of every mode with the same weights."""
    from mmdet.registry import MODELS

    from train_teacher.teachers.standalone_model import build_trained_detector

    torch.manual_seed(0)
    if options.run:
        config = _read(options.run / "mmdet_config.py")
        config.val_dataloader.batch_size = options.batch
        first = build_trained_detector(
            copy.deepcopy(config), options.run / "checkpoints" / "best.pth"
        )
    else:
        config = generated_config(options, folder)
        first = MODELS.build(copy.deepcopy(config.model))
        first.init_weights()
    if options.enlarge != 1:
        dataset = config.val_dataloader.dataset
        images = Path(dataset.data_prefix.img)
        point_at(
            config,
            *enlarged(Path(dataset.ann_file), images, folder / "enlarged", options.enlarge),
        )
    cases = []
    for mode in options.modes:
        own = copy.deepcopy(config)
        read_with(own, "cv2" if mode == "ours" else "pillow")
        detector = first
        if mode == "stock":
            make_stock(own)
            own.model.base_checkpoint = None
            own.model.pop("lora", None)
            detector = MODELS.build(copy.deepcopy(own.model))
            detector.load_state_dict(first.state_dict())
        cases.append(Case(mode, own, detector.to(options.device).eval()))
    return cases


def _read(path: Path) -> Any:
    from mmengine.config import Config

    return Config.fromfile(path)


def measure(options: argparse.Namespace) -> list[Case]:
    """Count the waits of every mode, then time passes in turns."""
    from host_reads import HostReads

    prepare_upstream()
    with tempfile.TemporaryDirectory() as folder:
        cases = make_cases(options, Path(folder))
        for case in cases:
            case.warm_up()
            case.run(options.device, HostReads())
        for turn in range(options.rounds):
            for case in cases[turn % len(cases) :] + cases[: turn % len(cases)]:
                case.run(options.device)
    return cases


def farthest(cases: list[Case]) -> str:
    """Say how far the boxes of `pillow` are from stock's, score by score."""
    by_mode = {case.mode: case.found for case in cases}
    if not {"stock", "pillow"} <= by_mode.keys():
        return ""
    scores, boxes, counted, strangers = 0.0, 0.0, 0, 0
    for image, (own_scores, own_boxes) in by_mode["pillow"].items():
        their_scores, their_boxes = by_mode["stock"][image]
        scores = max(scores, float(np.abs(own_scores - their_scores).max()))
        # Equal scores may change places: each box's nearest counts.
        apart = np.abs(own_boxes[:, None] - their_boxes[None]).max(-1).min(1)
        close = apart <= BOX_TOLERANCE
        strangers += int((~close).sum())
        counted += len(apart)
        boxes = max(boxes, float(apart[close].max(initial=0)))
    return (
        f"ours with pillow against stock: {counted} boxes, scores differ by at most {scores:.1e} "
        f"(tolerance {SCORE_TOLERANCE}), boxes by {boxes:.4f} pixels; {strangers} boxes have no "
        f"counterpart within {BOX_TOLERANCE} pixels"
    )


def table(cases: list[Case], options: argparse.Namespace) -> str:
    """Return a Markdown table with machine and date."""
    images = len(cases[0].found)
    device = torch.cuda.get_device_name() if options.device == "cuda" else platform.machine()
    what = f"run {options.run.name}" if options.run else options.model
    lines = [
        f"Validation of {what}, {images} images, enlarged {options.enlarge}x, {device}, "
        f"{options.threads} threads, {options.workers} loader processes, ours {options.batch} at "
        f"once, torch {torch.__version__}, {datetime.now(timezone.utc):%Y-%m-%d}",
        "",
        "| mode | host-device syncs an image | load ms | model ms | evaluate ms | all ms "
        "| mAP | mAP50 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for case in cases:
        times = ["-"] * 4
        if case.passes:
            parts = [case.median(part, images) for part in ("load", "model", "evaluate")]
            times = [f"{value:.1f}" for value in (*parts, sum(parts))]
        scores = [case.scores.get(f"coco/bbox_{name}", -1.0) for name in ("mAP", "mAP_50")]
        lines.append(
            f"| {case.mode} | {case.host_reads:.1f} | {' | '.join(times)} "
            f"| {scores[0]:.3f} | {scores[1]:.3f} |"
        )
    return "\n".join([*lines, "", farthest(cases)])


def read_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--model", choices=("demo", "swin-t"), default="demo")
    parser.add_argument("--run", type=Path, help="validate this run's best weights instead")
    parser.add_argument("--images", type=int, default=40, help="images to generate")
    parser.add_argument("--size", type=int, help="short side at validation")
    parser.add_argument("--enlarge", type=float, default=1, help="times the images are larger")
    parser.add_argument("--batch", type=int, default=1, help="images at once, ours")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3, help="timed passes of each mode; 0: none")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    options.modes = options.modes.split(",")
    unknown = sorted(set(options.modes) - set(MODES))
    if unknown:
        parser.error(f"--modes {','.join(unknown)}: known are {', '.join(MODES)}")
    return options


def main() -> None:
    """Measure and print."""
    options = read_options()
    torch.set_num_threads(options.threads)
    print(table(measure(options), options))


if __name__ == "__main__":
    main()
