"""A SAM model of transformers with random weights, small enough to be made in a test."""

from __future__ import annotations

from pathlib import Path

SIDE = 64
"""Pixels of the image that it looks at."""


def write_tiny_sam(folder: Path) -> Path:
    """Write model and processor as `save_pretrained` does, and return the folder."""
    import torch
    from transformers import (
        SamConfig,
        SamImageProcessor,
        SamMaskDecoderConfig,
        SamModel,
        SamProcessor,
        SamPromptEncoderConfig,
        SamVisionConfig,
    )

    torch.manual_seed(0)
    vision = SamVisionConfig(
        hidden_size=32,
        output_channels=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=SIDE,
        patch_size=16,
        global_attn_indexes=[0],
        window_size=2,
        num_pos_feats=8,
        mlp_dim=32,
    )
    prompt = SamPromptEncoderConfig(
        hidden_size=16, image_size=SIDE, patch_size=16, mask_input_channels=4
    )
    decoder = SamMaskDecoderConfig(
        hidden_size=16, num_attention_heads=2, mlp_dim=32, iou_head_hidden_dim=16
    )
    config = SamConfig(vision.to_dict(), prompt.to_dict(), decoder.to_dict())
    SamModel(config).save_pretrained(folder)
    sizes = {"size": {"longest_edge": SIDE}, "pad_size": {"height": SIDE, "width": SIDE}}
    mask_sizes = {
        "mask_size": {"longest_edge": SIDE // 4},
        "mask_pad_size": {"height": SIDE // 4, "width": SIDE // 4},
    }
    processor = SamImageProcessor(**sizes, **mask_sizes)
    SamProcessor(processor).save_pretrained(folder)
    return folder
