"""`teacher blend`: weights between a base and what was trained, scored and written."""
