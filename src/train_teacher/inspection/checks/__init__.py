"""Checks, a file for each series: facts of a data set in, findings out."""
