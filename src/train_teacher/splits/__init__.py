"""Which image belongs to train, val or test, and which images must stay together."""
