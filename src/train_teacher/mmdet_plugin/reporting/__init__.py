"""Reports of the training process: freeze table, progress, metrics."""
