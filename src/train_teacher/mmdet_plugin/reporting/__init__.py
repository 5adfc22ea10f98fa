"""What the training process reports: freeze table, progress, metrics."""
