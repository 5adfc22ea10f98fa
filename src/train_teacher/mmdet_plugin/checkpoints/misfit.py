"""Reasons why a checkpoint does not fit a model: parts that differ, and its origin."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

Shape = tuple[int, ...]
SHOWN_PARTS = 8

# (width of the first layer, blocks of the third stage) of the backbone: the figures that tell the
# published models apart (MMDetection's configs in mm_grounding_dino/; configs/demo.yaml).
PRESET_BY_BACKBONE: Mapping[tuple[int, int], str] = {
    (24, 2): "demo",
    (96, 6): "swin-t",
    (128, 18): "swin-b",
    (192, 18): "swin-l",
}
FIRST_LAYER = "backbone.patch_embed.projection.weight"
THIRD_STAGE = "backbone.stages.2.blocks."
# MM Grounding DINO's classifier has a learned bias, the original's has none (contrastive_cfg).
MM_ONLY = "bbox_head.cls_branches.0.bias"


@dataclass(frozen=True)
class Misfit:
    """Names of missing and misshapen tensors, and of those that the model does not have."""

    missing: tuple[str, ...]
    reshaped: tuple[str, ...]
    unexpected: tuple[str, ...]


def compare_shapes(
    model: Mapping[str, Shape], file: Mapping[str, Shape], required: Collection[str]
) -> Misfit:
    """Sort the tensors of a model and of a file into what differs.

    Args:
        model: shape by name of every tensor of the model.
        file: the same of the checkpoint.
        required: names that the model must get from the file, in their shape.

    Returns:
        What differs; `missing` and `reshaped` hold required tensors only.
    """
    return Misfit(
        missing=tuple(sorted(name for name in required if name not in file)),
        reshaped=tuple(sorted(n for n in required if n in file and file[n] != model[n])),
        unexpected=tuple(sorted(file.keys() - model.keys())),
    )


def describe_misfit(misfit: Misfit, model: Mapping[str, Shape], file: Mapping[str, Shape]) -> str:
    """Return the differences (there are some) by part of the model, and what the file may be."""
    count = len(misfit.missing) + len(misfit.reshaped)
    lines = [f"does not fit the model: {count} of its {len(model)} tensors are not in the file:"]
    if misfit.missing:
        lines.append(f"  missing      {by_part(misfit.missing)}")
    if misfit.reshaped:
        name = misfit.reshaped[0]
        example = f"for example {name}: model {model[name]}, file {file[name]}"
        lines.append(f"  other shape  {by_part(misfit.reshaped)}; {example}")
    if misfit.unexpected:
        example = f"for example {misfit.unexpected[0]}"
        lines.append(f"  unexpected   {by_part(misfit.unexpected)}; {example}")
    lines.append("Training would start from random values there.")
    return "\n".join([*lines, recognise_checkpoint(misfit, file)])


def recognise_checkpoint(misfit: Misfit, file: Mapping[str, Shape]) -> str:
    """Return what a checkpoint that does not fit seems to be, and what to do."""
    foreign = _foreign_format(file)
    if foreign:
        return f"The file looks like {foreign}"
    if not misfit.reshaped and not misfit.unexpected and FIRST_LAYER not in file:
        return (
            "The file looks like best.pth or last.pth of a run, which hold only what was trained: "
            "give the base weights of that run (`weights` in its settings.yaml)."
        )
    preset = PRESET_BY_BACKBONE.get(_backbone_figures(file))
    if preset and MM_ONLY not in file:
        return (
            f"Its backbone is that of {preset}, but its classifier that of the original Grounding "
            "DINO: use a preset of that family (base_config: grounding_dino/...), or --weights "
            "auto."
        )
    if preset:
        return f"Its backbone is that of {preset}: use --model {preset}, or --weights auto."
    return "Use the --model that this checkpoint was made for, or --weights auto."


def _foreign_format(file: Mapping[str, Shape]) -> str | None:
    """Recognize other projects' files by names that only they use."""
    names = tuple(file)
    if any(name.startswith(("transformer.encoder", "module.transformer.")) for name in names):
        return (
            "one of the original GroundingDINO repository: convert it with MMDetection's "
            "tools/model_converters/groundingdino_to_mmdet.py."
        )
    if any("text_backbone." in name or "conv_encoder." in name for name in names):
        return "one of Hugging Face transformers: give its model.safetensors instead."
    if any(name.startswith("module.backbone.") for name in names):
        return "one saved from a DistributedDataParallel model: save `model.module` instead."
    if names and all(
        name.startswith(("patch_embed", "layers", "stages", "norm")) for name in names
    ):
        return "a backbone alone: give a whole Grounding DINO, --weights auto."
    return None


def _backbone_figures(file: Mapping[str, Shape]) -> tuple[int, int]:
    first = file.get(FIRST_LAYER, (0,))
    blocks = {
        name[len(THIRD_STAGE) :].split(".")[0] for name in file if name.startswith(THIRD_STAGE)
    }
    return (first[0] if first else 0, len(blocks))


def by_part(names: Collection[str]) -> str:
    """Return how many tensors each part of a model has, as text."""
    counts: dict[str, int] = defaultdict(int)
    for name in names:
        counts[name.split(".")[0]] += 1
    most = sorted(counts.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{part} ({count})" for part, count in most[:SHOWN_PARTS])
    rest = len(most) - SHOWN_PARTS
    return f"{shown} and {rest} further parts" if rest > 0 else shown
