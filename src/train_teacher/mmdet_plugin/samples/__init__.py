"""Training samples that depend only on seed, epoch and image."""
