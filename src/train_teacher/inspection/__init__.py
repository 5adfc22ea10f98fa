"""`inspect-data`: what is wrong with a data set, what will be trained, and `--fix`."""
