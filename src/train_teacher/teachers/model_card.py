"""README.md of an exported teacher: what it is, on which data, how well, how to load it."""

from __future__ import annotations

from typing import Literal

from train_teacher.inspection.facts import DatasetInfo
from train_teacher.reports.summary import RunSummary, Validation
from train_teacher.teachers.card import TeacherCard

Kind = Literal["adapter", "changes", "merged"]

CONTENT = {
    "adapter": "a LoRA adapter in PEFT's format; it needs its base checkpoint",
    "changes": "the tensors that training changed (`teacher.pth`); they need their base checkpoint",
    "merged": "a complete MMDetection model: `config.py`, `model.pth` and `language_model/`",
}
LOADING = {
    "adapter": """\
    from peft import PeftModel
    detector = ...          # Grounding DINO of the preset, with the base checkpoint loaded
    model = PeftModel.from_pretrained(detector, "{folder}")
""",
    "changes": """\
    import torch
    detector = ...          # Grounding DINO of the preset, with the base checkpoint loaded
    changes = torch.load("{folder}/teacher.pth")["state_dict"]
    detector.load_state_dict(changes, strict=False)
""",
    "merged": """\
    from mmdet.apis import inference_detector, init_detector
    model = init_detector("{folder}/config.py", "{folder}/model.pth", device="cpu")
    result = inference_detector(model, "image.jpg", text_prompt={prompt!r}, custom_entities=True)

It needs mmdet 3.3 with mmcv 2.1, and not train-teacher. With mmcv-lite, which has no compiled
operations, `import train_teacher.mmdet_plugin` first. `language_model/` holds BERT's config and
vocabulary; its weights are in `model.pth`, and the small `model.safetensors` beside them only lets
MMDetection build it without a network.
""",
}


def render_model_card(
    card: TeacherCard, info: DatasetInfo, summary: RunSummary, kind: Kind, *, name: str, half: bool
) -> str:
    """Return the model card.

    Args:
        card: content of `teacher.json`.
        info: facts about the data it was trained on.
        summary: scores of the run.
        kind: what the bundle holds.
        name: of the bundle's folder.
        half: whether numbers are stored in 16 bits.
    """
    base = f"`{card.base.name}`, SHA-256 `{card.base.sha256}`" if card.base else "random weights"
    stored = "16 bits a number" if half else "32 bits a number"
    lines = [
        f"# {name}",
        "",
        f"An object detector for {len(card.class_names)} classes, fine-tuned from "
        f"MM Grounding DINO with train-teacher. In this folder: {CONTENT[kind]}; {stored}.",
        "",
        f"- base: {base}",
        f"- preset `{card.model}`, MMDetection config `{card.base_config}`, `--tune {card.tune}`",
        f"- classes: {', '.join(card.class_names)}",
        f"- prompt: `{card.prompt.strip()}`",
        f"- images: {card.preprocessing.scale[0]} x {card.preprocessing.scale[1]} pixels (short, "
        f"long side), {card.preprocessing.channels}, mean {card.preprocessing.mean}, "
        f"std {card.preprocessing.std}",
        "",
        "## Data",
        "",
        f"{info.num_images} images, {info.num_annotations} annotations:",
        "",
        *(f"- {s.name}: {s.num_images} images, {s.num_boxes} boxes" for s in info.splits),
        "",
        "## How well (validation split, COCO box AP)",
        "",
        *_scores(summary),
        "",
        "## How to load it",
        "",
        "With train-teacher:",
        "",
        f"    teacher predict {name} IMAGES... --output labels.json",
        f"    teacher evaluate {name} --data LABELLED.json",
        "",
        "In Python:",
        "",
        LOADING[kind].format(folder=name, prompt=card.prompt.strip()),
        "## Versions",
        "",
        ", ".join(f"{package} {version}" for package, version in card.versions.items()),
    ]
    return "\n".join(lines) + "\n"


def _scores(summary: RunSummary) -> list[str]:
    rows = [("base weights", summary.before), ("this model", summary.best)]
    known = [(label, score) for label, score in rows if score]
    if not known:
        return ["Not validated."]
    table = ["| | mAP | mAP50 |", "|---|---|---|"]
    table += [f"| {label} | {v.map:.3f} | {v.map_50:.3f} |" for label, v in known]
    return [*table, *_by_class(summary.best)]


def _by_class(best: Validation | None) -> list[str]:
    if best is None or not best.per_class:
        return []
    shown = (f"{name} {value:.3f}" for name, value in best.per_class.items())
    return ["", f"AP by class: {', '.join(shown)}."]
