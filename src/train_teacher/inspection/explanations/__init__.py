"""`inspect-data --explain CODE`: the story of each finding."""
