"""Options, errors, signals and progress on the terminal, shared by all commands."""
