"""Checks, a file for each topic: facts of a data set in, findings out."""
