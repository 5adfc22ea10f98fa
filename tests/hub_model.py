"""Small detectors that transformers' class can hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import yaml
from PIL import Image

from demo_model import build_config, build_model, make_info, make_settings
from train_teacher.reports.summary import RunSummary
from train_teacher.runs.folder import CARD
from train_teacher.scores.thresholds import Level, ScoreLevels, Thresholds
from train_teacher.teachers.adapter_folder import preprocessing_of
from train_teacher.teachers.card import card_text, describe_teacher, parse_card
from train_teacher.teachers.hub_bundle import HubBundle, fill_hub_bundle
from train_teacher.teachers.onnx_bundle import fill_onnx_bundle

CANVAS = 192, 256
"""Of ONNX files: larger than the image, which is 112 x 160 when resized."""
CLASSES = ("red circle", "big blue square", "cat")

LEVELS = {
    3: {},
    5: {
        "model.num_feature_levels": 5,
        "model.backbone.window_size": 4,
        "model.backbone.out_indices": [0, 1, 2, 3],
        "model.neck.in_channels": [24, 48, 96, 192],
        "model.neck.num_outs": 5,
        "model.encoder.layer_cfg.self_attn_cfg.num_levels": 5,
        "model.decoder.layer_cfg.cross_attn_cfg.num_levels": 5,
    },
}


def write_preset(folder: Path, levels: int = 3) -> Path:
    """Write a preset of the demo's size, with random weights and other levels."""
    folder.mkdir(exist_ok=True)
    values = {
        "extends": "demo",
        "architecture": LEVELS[levels],
        "weights": "none",
        "validation_resize": "pillow",  # as transformers resizes
    }
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def perturb(model: Any) -> Any:
    """Give every parameter values of its own: zeros and ones would hide an exchange."""
    import torch

    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model


def build_small(folder: Path, levels: int = 3, classes: tuple[str, ...] = ("red circle",)) -> Any:
    """Return settings and detector of a small model with random weights."""
    settings = make_settings(str(write_preset(folder, levels)), val_scale=[160, 160], tune="full")
    return settings, perturb(build_model(settings, make_info(classes))).eval()


def bundle_of(folder: Path, classes: tuple[str, ...] = CLASSES) -> HubBundle:
    """Return what a bundle of a small model with random weights is made of."""
    settings, detector = build_small(folder, classes=classes)
    model = build_config(settings, make_info(classes)).model.to_dict()
    summary = RunSummary(before=None, best=None, last=None)
    card = describe_teacher(make_info(classes), settings, summary, base=None,
                            preprocessing=preprocessing_of(model, [160, 200]))  # fmt: skip
    image = folder / "a.png"
    noise = np.random.default_rng(3).integers(0, 255, (120, 170, 3), dtype=np.uint8)
    Image.fromarray(noise).save(image)
    return HubBundle(detector, model, card, Path(settings.language_model), [image])


def small_bundle(folder: Path, **options: Any) -> HubBundle:
    """Return a bundle whose card says the scale of its settings, as a run's does."""
    bundle = bundle_of(folder, **options)
    images = msgspec.structs.replace(bundle.card.preprocessing, scale=[160, 160])
    return replace(bundle, card=msgspec.structs.replace(bundle.card, preprocessing=images))


def exported(folder: Path, **options: Any) -> tuple[HubBundle, Path]:
    """Return a bundle and the folder it was written to."""
    bundle = bundle_of(folder)
    (folder / "out").mkdir()
    fill_hub_bundle(folder / "out", bundle, **options)
    return bundle, folder / "out"


def exported_to_onnx(folder: Path) -> tuple[HubBundle, Path]:
    """Return a small bundle and the folder of its ONNX files."""
    bundle = small_bundle(folder)
    (folder / "out").mkdir()
    fill_onnx_bundle(folder / "out", bundle, CANVAS)
    return bundle, folder / "out"


def count_right_boxes(folder: Path, scores: Sequence[float]) -> Thresholds:
    """Give a bundle counts of right boxes: of the scores, which fall, a class has one each.

    The first class reaches 0.8 at its second score, the second does not, the third has too few
    boxes.
    """
    first, second, third, common = scores
    sure = Level(first + (1 - first) / 2, 30, 30, 0.9)
    thresholds = Thresholds(
        ScoreLevels(400, (sure, Level(common, 200, 170, 0.82), Level(0.0, 900, 300, 0.3))),
        (
            ScoreLevels(90, (sure, Level(first, 80, 70, 0.81), Level(0.0, 300, 80, 0.2))),
            ScoreLevels(90, (Level(second, 90, 70, 0.7), Level(0.0, 300, 80, 0.2))),
            ScoreLevels(3, (Level(third, 3, 3, 0.37),)),
        ),
        12,
    )
    card = parse_card((folder / CARD).read_bytes(), CARD)
    card = msgspec.structs.replace(card, thresholds=thresholds)
    (folder / CARD).write_text(card_text(card), encoding="utf-8")
    return thresholds
