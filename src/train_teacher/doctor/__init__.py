"""`teacher doctor`: training ability of this machine, and commands that fix problems."""
