"""`train-teacher`: plan a run, start or resume it, and report on it."""
