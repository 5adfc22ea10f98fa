"""Scores of a run on its validation split, as itself and from what each export format makes of it.

    python scripts/benchmarks/export_scores.py RUN

The rows of formats for transformers and ONNX use the `detect.py` of the bundle alone; the last one
uses transformers' own post-processing, which takes the surest token of a phrase, not their mean.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from train_teacher.evaluation.evaluate import EvaluateRequest, evaluate, split_of_run
from train_teacher.evaluation.labelled_images import LabelledImages, scores_of
from train_teacher.scores.detections import Detections
from train_teacher.teachers.export import export_teacher, read_run
from train_teacher.teachers.open import TeacherRequest

Look = Callable[[Image.Image], tuple[Any, Any, Any]]
"""Boxes xyxy in pixels, labels, scores of an image."""


def detector(folder: Path) -> Look:
    """Return the `Detector` of a bundle's own file."""
    spec = importlib.util.spec_from_file_location(f"detect_{folder.name}", folder / "detect.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Look = module.Detector(folder)
    return found


def own_post_processing(folder: Path, names: list[str]) -> Look:
    """Return what transformers' `post_process_grounded_object_detection` makes of the model."""
    import torch
    from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

    model = AutoModelForZeroShotObjectDetection.from_pretrained(folder).eval()
    processor = AutoProcessor.from_pretrained(folder)
    caption = "".join(f"{name}. " for name in names)

    def look(image: Image.Image) -> tuple[Any, Any, Any]:
        inputs = processor(images=image, text=caption, return_tensors="pt")
        with torch.no_grad():
            outputs = model(**inputs)
        (found,) = processor.post_process_grounded_object_detection(
            outputs, inputs["input_ids"], threshold=0.0, text_threshold=0.25,
            target_sizes=[(image.height, image.width)],
        )  # fmt: skip
        # A text of several phrases, or of none, names no class.
        known = [at for at, text in enumerate(found["text_labels"]) if text in names]
        labels = np.array([names.index(found["text_labels"][at]) for at in known], np.int64)
        return found["boxes"][known], labels, found["scores"][known]

    return look


def seen(look: Look, data: LabelledImages) -> Detections:
    """Return what a detector finds in all images of a split."""

    def rows() -> Iterator[tuple[int, Any, Any, Any]]:
        for image in data.content["images"]:
            with Image.open(data.image_dir / image["file_name"]) as photo:
                yield image["id"], *look(ImageOps.exif_transpose(photo).convert("RGB"))

    ids, boxes, labels, scores = zip(*rows(), strict=True)
    return Detections(
        image_id=np.repeat(np.array(ids, np.int64), [len(part) for part in scores]),
        label=np.concatenate([np.asarray(part, np.int64) for part in labels]),
        score=np.concatenate([np.asarray(part, np.float64) for part in scores]),
        box=np.concatenate([np.asarray(part, np.float64).reshape(-1, 4) for part in boxes]),
    )


def main() -> None:
    """Print a row for each way to look."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    run = read_run(parser.parse_args().run)
    data = split_of_run(run.folder, run.dataset_info, "val")
    val = Path(data.path)

    def row(name: str, score: float | None) -> None:
        sys.stdout.write(f"| {name} | {score:.4f} |\n")

    def evaluated(name: str, place: Path, **more: Any) -> None:
        request = EvaluateRequest(TeacherRequest(place, device="cpu"), **more)
        row(name, evaluate(request).scores.average_precision)

    with tempfile.TemporaryDirectory() as temporary, redirect_stdout(sys.stdout):
        folder = Path(temporary)
        evaluated("the run", run.folder.root)
        bundle = {"data": val, "images": data.image_dir}
        export_teacher(run.folder.root, folder / "part")
        evaluated("bundle for MMDetection", folder / "part", **bundle)
        export_teacher(run.folder.root, folder / "merged", merge=True)
        evaluated("the same with `--merge`", folder / "merged", **bundle)
        for form in ("transformers", "onnx"):
            export_teacher(run.folder.root, folder / form, form=form)  # type: ignore[arg-type]
            evaluated(f"bundle for {form}, `teacher evaluate`", folder / form, **bundle)
            found = scores_of(data, seen(detector(folder / form), data))
            row("the same, its `detect.py`", found.average_precision)
        names = list(run.dataset_info.class_names)
        found = scores_of(data, seen(own_post_processing(folder / "transformers", names), data))
        row("bundle for transformers, transformers' own post-processing", found.average_precision)


if __name__ == "__main__":
    main()
