"""Canonical copies of the user's annotations: split, cleaned and written (DataManager)."""
