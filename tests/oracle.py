"""Scoring a perfect detector with a run's own validation data and metric.

It knows from the user's file what is in each image, and answers as the model does: with the place
of the phrase in the prompt it is given. Only where data set, prompt and metric agree on the classes
does every class score 1.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Truth = Mapping[str, list[tuple[str, list[float]]]]


def truth_of(data: Path, phrases: Mapping[str, str] | None = None) -> Truth:
    """Return phrase and xyxy box of every object, by file name, as the user's JSON has them."""
    content = json.loads(data.read_text())
    names = {c["id"]: (phrases or {}).get(c["name"], c["name"]) for c in content["categories"]}
    files = {image["id"]: image["file_name"] for image in content["images"]}
    found = defaultdict(list)
    for annotation in content["annotations"]:
        x, y, w, h = annotation["bbox"]
        found[files[annotation["image_id"]]].append(
            (names[annotation["category_id"]], [x, y, x + w, y + h])
        )
    return found


def score_perfect_detector(config: Any, truth: Truth) -> dict[str, float]:
    """Return the validation metrics that a perfect detector gets.

    Args:
        config: a loaded `mmdet_config.py`.
        truth: from `truth_of`.
    """
    import torch
    from mmdet.registry import DATASETS, METRICS
    from mmengine.evaluator import Evaluator
    from mmengine.structures import InstanceData

    dataset = DATASETS.build(config.val_dataloader.dataset)
    evaluator = Evaluator(METRICS.build(config.val_evaluator))
    evaluator.dataset_meta = dataset.metainfo
    for i in range(len(dataset)):
        sample = dataset[i]["data_samples"]
        places = {name: place for place, name in enumerate(sample.text)}
        objects = truth[Path(sample.img_path).name]
        sample.pred_instances = InstanceData(
            bboxes=torch.tensor([box for _, box in objects]).reshape(-1, 4),
            labels=torch.tensor([places[name] for name, _ in objects], dtype=torch.long),
            scores=torch.ones(len(objects)),
        )
        evaluator.process(data_samples=[sample])
    scores: dict[str, float] = evaluator.evaluate(len(dataset))
    return scores


def load_config(run: Path) -> Any:
    """Return the config of a run, with everything it needs registered."""
    from mmdet.utils import register_all_modules
    from mmengine.config import Config

    config = Config.fromfile(run / "mmdet_config.py")
    register_all_modules(init_default_scope=True)
    return config
