from __future__ import annotations

import pytest

from train_teacher.mmdet_plugin.checkpoints.misfit import (
    FIRST_LAYER,
    MM_ONLY,
    compare_shapes,
    describe_misfit,
    recognise_checkpoint,
)

Shapes = dict[str, tuple[int, ...]]


def swin(width: int, blocks: int, *, bias: bool = True) -> Shapes:
    """Return the shapes of a detector, as far as they distinguish models."""
    stage = {f"backbone.stages.2.blocks.{i}.norm1.weight": (4 * width,) for i in range(blocks)}
    head = {MM_ONLY: (1,)} if bias else {}
    return {FIRST_LAYER: (width, 3, 4, 4), **stage, **head, "neck.convs.0.weight": (256, width)}


SWIN_T = swin(96, 6)


def message(file: Shapes, model: Shapes = SWIN_T) -> str:
    return describe_misfit(compare_shapes(model, file, model), model, file)


@pytest.mark.parametrize(
    ("width", "blocks", "preset"), [(128, 18, "swin-b"), (192, 18, "swin-l"), (24, 2, "demo")]
)
def test_a_checkpoint_of_another_preset_names_it(width: int, blocks: int, preset: str) -> None:
    assert f"--model {preset}" in message(swin(width, blocks))


def test_the_parts_that_differ_are_counted_with_one_example() -> None:
    text = message(swin(128, 18))
    assert "8 of its 9 tensors" in text
    assert "other shape  backbone (7), neck (1)" in text
    assert f"{FIRST_LAYER}: model (96, 3, 4, 4), file (128, 3, 4, 4)" in text
    assert "unexpected   backbone (12)" in text
    assert "missing" not in text


def test_the_original_model_is_told_from_mm_grounding_dino() -> None:
    text = message(swin(96, 6, bias=False))
    assert "missing      bbox_head (1)" in text
    assert "original Grounding DINO" in text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("module.transformer.level_embed", "groundingdino_to_mmdet.py"),
        ("model.backbone.conv_encoder.model.weight", "transformers"),
        ("module.backbone.patch_embed.norm.weight", "DistributedDataParallel"),
        ("patch_embed.proj.weight", "a backbone alone"),
    ],
)
def test_files_of_other_projects_are_recognised(name: str, said: str) -> None:
    assert said in message({name: (1,)})


def test_an_unknown_file_says_what_to_use_instead() -> None:
    file: Shapes = {"weight": (1,)}
    assert "--weights auto" in recognise_checkpoint(compare_shapes(SWIN_T, file, SWIN_T), file)


def test_many_parts_are_cut_short() -> None:
    model: Shapes = {f"part{i}.weight": (1,) for i in range(11)}
    assert "and 3 further parts" in message({}, model)
