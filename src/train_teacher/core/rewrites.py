"""Which of MMDetection's modules and methods are exchanged for ours, by name."""

REWRITES = (
    "attention",
    "deformable_attention",
    "denoising",
    "first_stage",
    "fusion",
    "geometry",
    "loss_log",
    "losses",
    "precision",
    "predictions",
    "prompts",
    "relu",
    "shifted_windows",
    "text_cache",
)
"""What `model.accelerated` of a config may name; each computes what MMDetection's own does."""
LORA_PRODUCT = "lora_product"
"""The same for PEFT's linear layer."""
