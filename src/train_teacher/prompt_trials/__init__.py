"""`teacher prompts`: which phrase a base model reads best for a class."""
