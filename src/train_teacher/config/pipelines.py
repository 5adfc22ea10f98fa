"""Training and validation pipelines in MMDetection's terms, as the official recipe has them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

# grounding_dino_swin-t_finetune_8xb4_20e_cat.py: the scales before and the size of its crop.
CROP_SCALES = ((400, 4200), (500, 4200), (600, 4200))
CROP_SIZE = (384, 600)
MIX_UP = "SometimesMixUp"
# FT-FSOD (CVPR 2026), its few-shot configs: the share, and a partner of the image's own scale.
MIX_UP_SHARE, MIX_UP_RATIO = 0.3, (1.0, 1.0)
META_KEYS = ("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")
TEXT_KEYS = ("text", "custom_entities")


def train_pipeline(
    scales: Sequence[Sequence[int]],
    random_crop: bool,
    augmentation: str | Sequence[Mapping[str, Any]] = "official",
) -> list[dict[str, Any]]:
    """Return the transforms in order: load, augment, resize, pack.

    Args:
        scales: [short, long] sides in pixels to draw from.
        random_crop: whether half of the images are enlarged and cropped before they are resized;
            part of the official recipe only.
        augmentation: `official`, `fewshot`, `flip_only`, `none`, or transforms to put after
            loading. `fewshot` has MIX_UP, which needs a data set that loads two images.
    """
    resize = {
        "type": "RandomChoiceResize",
        "scales": [tuple(scale) for scale in scales],
        "keep_ratio": True,
    }
    cropped = [
        {"type": "RandomChoiceResize", "scales": list(CROP_SCALES), "keep_ratio": True},
        {
            "type": "RandomCrop",
            "crop_type": "absolute_range",
            "crop_size": CROP_SIZE,
            "allow_negative_crop": True,
        },
        dict(resize),
    ]
    sizing = (
        {"type": "RandomChoice", "transforms": [[dict(resize)], cropped]}
        if random_crop and augmentation == "official"
        else dict(resize)
    )
    return [
        {"type": "LoadPicture", "backend_args": None, "skip_unreadable": True},
        {"type": "LoadAnnotations", "with_bbox": True},
        *_augmenting(augmentation),
        sizing,
        *(_mixing(scales) if augmentation == "fewshot" else ()),
        {"type": "PackDetInputs", "meta_keys": (*META_KEYS, "flip", "flip_direction", *TEXT_KEYS)},
    ]


def _augmenting(augmentation: str | Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    if not isinstance(augmentation, str):
        return [_with_tuples(dict(transform)) for transform in augmentation]
    color = [{"type": "YOLOXHSVRandomAug"}] if augmentation == "fewshot" else []
    return [] if augmentation == "none" else [*color, {"type": "RandomFlip", "prob": 0.5}]


def _mixing(scales: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    """Return MixUp, after resizing: it takes memory by the training scale, not by the photo."""
    short, long = max(scales, key=math.prod)
    return [
        {
            "type": MIX_UP,
            "prob": MIX_UP_SHARE,
            "img_scale": (long, short),
            "ratio_range": MIX_UP_RATIO,
        },
        # Slivers of boxes that the partner has beyond the image's edge; images without boxes stay.
        {"type": "FilterAnnotations", "min_gt_bbox_wh": (1, 1), "keep_empty": False},
    ]


def split_at_mix_up(
    pipeline: Sequence[dict[str, Any]],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what is done to one image, and what begins with mixing two: nothing without MixUp."""
    types = [transform["type"] for transform in pipeline]
    at = types.index(MIX_UP) if MIX_UP in types else len(types)
    return list(pipeline[:at]), list(pipeline[at:])


def _with_tuples(value: Any) -> Any:
    """Return a transform with sizes and ranges as the tuples that mmcv wants and YAML lacks."""
    if isinstance(value, Mapping):
        return {key: _with_tuples(item) for key, item in value.items()}
    if isinstance(value, list):
        items = [_with_tuples(item) for item in value]
        numbers = all(isinstance(item, (int, float)) for item in items)
        return tuple(items) if items and numbers else items
    return value


def validation_pipeline(scale: Sequence[int], resize: str = "cv2") -> list[dict[str, Any]]:
    """Return the transforms in order: load, resize, pack.

    Args:
        scale: [short, long] sides in pixels.
        resize: `cv2`, which training reads and resizes with; or `pillow`, which the recipe
            validates with and the published numbers were made with.
    """
    return [
        {"type": "LoadPicture", "backend_args": None, "imdecode_backend": resize},
        {
            "type": "FixScaleResize",
            "scale": tuple(scale),
            "keep_ratio": True,
            "backend": resize,
        },
        {"type": "LoadAnnotations", "with_bbox": True},
        {"type": "PackDetInputs", "meta_keys": (*META_KEYS, *TEXT_KEYS)},
    ]


def as_labelled(
    pipeline: list[dict[str, Any]], exif_orientation: str | None
) -> list[dict[str, Any]]:
    """Return the pipeline; photos are read without turning them where they were labeled so."""
    if exif_orientation != "ignore":
        return pipeline
    return [
        {**t, "color_type": "color_ignore_orientation"} if t["type"] == "LoadPicture" else t
        for t in pipeline
    ]
