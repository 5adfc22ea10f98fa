"""Training samples that depend on seed, epoch and image only."""
