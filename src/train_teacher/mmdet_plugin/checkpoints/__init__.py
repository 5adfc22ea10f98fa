"""Checkpoints of trainable parameters only, and the base they rest on."""
