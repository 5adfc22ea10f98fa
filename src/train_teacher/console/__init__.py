"""What all commands share on the terminal: options, errors, signals, progress."""
