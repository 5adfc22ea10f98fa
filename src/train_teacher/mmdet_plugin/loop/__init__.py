"""The training loop: optimizer groups, bad steps, full memory, stopping."""
