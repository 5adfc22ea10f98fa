"""Checks of class names, and of the prompt they make."""
