"""The detector: true freezing, its language model, prompts of many classes."""
