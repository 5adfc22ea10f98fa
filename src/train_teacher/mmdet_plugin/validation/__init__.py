"""The metric of validation, and the order of its images."""
