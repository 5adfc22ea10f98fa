"""Names of the MMDetection modules and methods that we replace."""

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
"""Names allowed in `model.accelerated`; each computes the same as MMDetection's own."""
LORA_PRODUCT = "lora_product"
"""The same for PEFT's linear layer."""
FORMER = ("first_stage", "relu", "shifted_windows")
"""In configs of earlier runs: each saved less than 2 % (docs/explanation/ablation.md)."""
