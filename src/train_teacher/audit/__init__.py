"""`teacher audit`: probable label errors, most likely first."""
