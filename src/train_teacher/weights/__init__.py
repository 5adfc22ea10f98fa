"""Base checkpoints: found, downloaded and checked (`teacher fetch`)."""
