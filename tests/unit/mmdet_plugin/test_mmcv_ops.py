import sys

import pytest

import train_teacher.mmdet_plugin  # noqa: F401 - installs the stand-in
from train_teacher.mmdet_plugin import mmcv_ops


def test_ops_can_be_imported_and_deformable_attention_runs_on_cpu() -> None:
    import torch
    from mmcv.ops import MultiScaleDeformableAttention

    attention = MultiScaleDeformableAttention(
        embed_dims=32, num_heads=4, num_levels=1, batch_first=True
    )
    shapes = torch.tensor([[4, 4]])
    query = torch.rand(1, 16, 32)
    output = attention(
        query,
        value=query,
        reference_points=torch.rand(1, 16, 1, 2),
        spatial_shapes=shapes,
        level_start_index=torch.tensor([0]),
    )
    assert output.shape == query.shape


@pytest.mark.skipif(mmcv_ops.install() == "compiled", reason="a compiled mmcv has all ops")
def test_an_op_that_is_not_there_says_how_to_get_it() -> None:
    op = sys.modules["mmcv._ext"].nms
    with pytest.raises(RuntimeError, match=r"scripts/build_mmcv\.sh"):
        op()


@pytest.mark.skipif(mmcv_ops.install() == "compiled", reason="a compiled mmcv has all ops")
def test_mmengine_is_not_told_that_ops_are_compiled() -> None:
    from mmengine.utils.dl_utils.misc import mmcv_full_available

    assert not mmcv_full_available()


def test_a_compiled_extension_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import ModuleType

    compiled = ModuleType("mmcv._ext")
    monkeypatch.setitem(sys.modules, "mmcv._ext", compiled)
    assert mmcv_ops.install() == "compiled"
    assert sys.modules["mmcv._ext"] is compiled


@pytest.mark.skipif(mmcv_ops.install() == "compiled", reason="a compiled mmcv has all ops")
def test_a_gpu_goes_mmcvs_pytorch_path_where_nothing_is_compiled() -> None:
    from mmcv.ops import multi_scale_deform_attn

    assert not multi_scale_deform_attn.IS_CUDA_AVAILABLE
