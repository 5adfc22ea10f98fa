"""The run folder: its files, its lock, its record and its checkpoints."""
