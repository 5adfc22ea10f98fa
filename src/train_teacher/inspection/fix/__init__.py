"""`inspect-data --fix`: a corrected copy of an annotation file."""
