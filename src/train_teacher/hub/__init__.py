"""Grounding DINO as Hugging Face transformers holds it: names, tensors, config, files."""
