"""Checks of boxes and masks."""
