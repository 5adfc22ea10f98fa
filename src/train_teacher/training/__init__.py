"""`train-teacher`: plan a run, start or resume it, and say what it did."""
