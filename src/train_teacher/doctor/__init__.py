"""`teacher doctor`: what this machine can train, and the command that mends what it cannot."""
