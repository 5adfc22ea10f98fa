"""Trained models: opened from a run or a bundle, described, exported (`teacher export`)."""
