"""From a COCO JSON to a fine-tuned MM Grounding DINO teacher detector."""

__version__ = "0.1.0"
