"""`inspect-data --explain CODE`: the page of each finding in docs/findings."""
