"""COCO annotation files, read fast into records and columns."""
