"""Checks before the first step: prompt, memory, disk space."""
