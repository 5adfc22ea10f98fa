"""`inspect-data --explain CODE`: the story of each finding, a file of docs/findings."""
