"""`teacher prompts`: the phrase that a base model reads best for a class."""
