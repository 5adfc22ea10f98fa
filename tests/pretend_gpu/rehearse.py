"""Steps on the pretended GPU, in a process that has it, or on a real one.

What is found of a case: losses, reads of the last step by place, number formats of what has to
stay in 32 bits, operators with tensors of two devices, the error that ended it.
"""

from __future__ import annotations

import gc
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, cast

import torch

from pretend_gpu.pretend import JOURNAL

OF_THE_MODEL = ("tune", "precision", "plain", "accelerated", "model", "classes", "kernel")
"""Parts of a case that decide on the model: cases in a row that agree in them share one."""


def classes(case: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of a case's classes, words of the demo vocabulary."""
    from benchmark_models import class_names

    return class_names(case["classes"]) if "classes" in case else ("red circle", "blue square")


def planted(kind: str, model: Any) -> None:
    """Put in a fault that only a GPU would show."""
    if kind == "a CPU tensor":
        transform = model.memory_trans_fc.forward
        model.memory_trans_fc.forward = lambda x: transform(x + torch.zeros(x.shape[-1]))
    elif kind == "a read":
        parse = model.parse_losses

        def parse_losses(losses: Any) -> Any:
            total, log = parse(losses)
            assert total.item() > 0
            return total, log

        model.parse_losses = parse_losses
    elif kind == "a wrong autocast":
        for branch in model.bbox_head.reg_branches:
            branch.__class__ = torch.nn.Sequential


def mask_by_shapes(tokenized: Any, special_tokens_list: Any) -> tuple[Any, Any]:
    """Return a mask and positions as large as mmdet's, which are made by reading the tokens."""
    ids = tokenized["input_ids"]
    mask = ids.new_ones((*ids.shape, ids.shape[1]), dtype=torch.bool)
    return mask, torch.zeros_like(ids)


def built(case: dict[str, Any], folder: Path) -> tuple[Any, Any]:
    """Return model and optimizer on the device."""
    from mmengine.optim import build_optim_wrapper
    from mmengine.runner import load_checkpoint

    from demo_model import DEMO_BASE, build_config, make_info, make_settings
    from train_teacher.teachers.standalone_model import write_language_model

    given = {name: case[name] for name in OF_THE_MODEL[:5] if name in case}
    shapes = JOURNAL.shapes_only
    settings = make_settings(
        weights="none" if shapes else str(DEMO_BASE), accumulation=1, output=str(folder), **given
    )
    config = build_config(settings, make_info(classes(case)))
    bert = DEMO_BASE.parent / "language_model"
    if shapes:
        bert = write_bert(folder / "bert")
    if settings.plain:
        if shapes:
            from mmdet.models.language_models import bert as mmdet_bert

            mmdet_bert.generate_masks_with_special_tokens_and_transfer_map = mask_by_shapes
        (folder / "data").mkdir()
        write_language_model(folder / "data" / "language_model", bert)
    else:
        config.model.language_model.update(name=str(bert), own_weights="never")
    from mmdet.registry import MODELS
    from mmdet.utils import register_all_modules

    register_all_modules(init_default_scope=True)
    model = MODELS.build(config.model)
    if settings.plain and not shapes:
        load_checkpoint(model, str(DEMO_BASE), map_location="cpu")  # as its load_from does
    model = model.to("cuda").train()
    planted(case.get("planted", ""), model)
    return model, build_optim_wrapper(model, config.optim_wrapper)


LAST: list[Any] = []


def shared(case: dict[str, Any], folder: Path) -> tuple[Any, Any]:
    """Return the model and optimizer of the last case where that is alike, else new ones."""
    alike = json.dumps([case.get(name) for name in (*OF_THE_MODEL, "planted")])
    if not LAST or LAST[0] != alike:
        LAST.clear()
        gc.collect()
        LAST[:] = alike, built(case, folder)
    return cast("tuple[Any, Any]", LAST[1])


def write_bert(folder: Path) -> Path:
    """Write the demo's vocabulary and the config of BERT-base."""
    import shutil

    from transformers import BertConfig

    from demo_model import DEMO_BASE

    shutil.copytree(DEMO_BASE.parent / "language_model", folder)
    BertConfig().save_pretrained(folder)
    return folder


def watched(model: Any) -> Counter[str]:
    """Count the number formats of boxes and similarities from now on."""
    formats: Counter[str] = Counter()
    head = model.bbox_head
    for name, branches in (("boxes", head.reg_branches), ("similarities", head.cls_branches)):
        for branch in branches:
            branch.register_forward_hook(
                lambda module, args, out, name=name: formats.update([f"{name} {out.dtype}"])
            )
    return formats


def step(model: Any, wrapper: Any, batch: Any) -> dict[str, float]:
    """Train on a batch as MMEngine's loop does."""
    log = model.train_step(batch, optim_wrapper=wrapper)
    # The log is read when it is looked at, and that is no part of the step.
    before = JOURNAL.reads.copy()
    values = {name: float(value) for name, value in dict(log).items()}
    JOURNAL.reads = before
    return values


def rehearsed(case: dict[str, Any]) -> dict[str, Any]:
    """Return what happened in a case."""
    from train_teacher.mmdet_plugin.accelerated.recomputation import checkpoint_layers
    from train_teacher.mmdet_plugin.startup.memory_probe import crowded_batch

    JOURNAL.reads.clear(), JOURNAL.mixed.clear()
    found: dict[str, Any] = {"case": case, "losses": [], "error": None}
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        try:
            model, wrapper = shared(case, Path(folder))
            formats = watched(model)
            size = tuple(case.get("size", (160, 160)))
            checkpoint_layers(model.encoder, case.get("recomputed", 0))
            # Those of a first step are without the optimizer's states.
            for _ in range(1 if wrapper.optimizer.state else 2):
                boxes, names = case.get("boxes", 3), classes(case)
                inputs, samples = crowded_batch(
                    case.get("batch", 2), size, boxes, names, torch.device("cuda")
                )
                JOURNAL.reads.clear()
                gc.collect()  # what a case before left in circles is no part of this one
                torch.cuda.reset_peak_memory_stats()
                torch.manual_seed(1)
                found["losses"].append(
                    step(model, wrapper, {"inputs": inputs, "data_samples": samples})
                )
            found["formats"] = dict(formats)
        except Exception as error:  # noqa: BLE001 - it is what the test looks at
            found["error"] = f"{type(error).__name__}: {error}"[:500]
    return {
        **found, "reads": dict(JOURNAL.reads), "mixed": list(JOURNAL.mixed),
        "peak": torch.cuda.max_memory_allocated(),
    }  # fmt: skip


def rehearse_all(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what happened in each case."""
    if any(case.get("shapes_only") for case in cases):
        JOURNAL.shapes_only, JOURNAL.total = True, 2**40
    return [rehearsed(case) for case in cases]
