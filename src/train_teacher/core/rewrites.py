"""Which of MMDetection's modules and methods are exchanged for ours, by name."""

REWRITES = (
    "attention",
    "deformable_attention",
    "denoising",
    "fusion",
    "geometry",
    "loss_log",
    "losses",
    "precision",
    "predictions",
    "prompts",
    "text_cache",
)
"""What `model.accelerated` of a config may name; each computes what MMDetection's own does."""
LORA_PRODUCT = "lora_product"
"""The same for PEFT's linear layer."""
FORMER = ("first_stage", "relu", "shifted_windows")
"""In configs of earlier runs: each saved less than 2 % (docs/explanation/ablation.md)."""
