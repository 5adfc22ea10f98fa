"""`teacher blend`: interpolations between base and trained weights, scored and written."""
