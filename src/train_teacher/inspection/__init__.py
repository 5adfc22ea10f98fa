"""`inspect-data`: findings, a summary of what will be trained, and `--fix`."""
