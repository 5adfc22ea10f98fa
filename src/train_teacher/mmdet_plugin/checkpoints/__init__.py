"""Checkpoints of trainable parameters only, and the base checkpoint they need."""
