"""Checks of image files, their names and their likeness."""
