"""The schema of a run's settings, and the layers they are merged from."""
