"""`inspect-data --html`: the inspection as a page."""
