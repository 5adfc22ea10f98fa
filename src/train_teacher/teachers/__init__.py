"""A trained model: opened from a run or a bundle, described, exported (`teacher export`)."""
