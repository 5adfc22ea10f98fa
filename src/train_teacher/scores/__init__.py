"""Average precision, precision and recall, and bootstrap confidence intervals."""
