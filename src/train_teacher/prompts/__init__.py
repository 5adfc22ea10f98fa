"""Class names, the caption the model reads, and its tokens."""
