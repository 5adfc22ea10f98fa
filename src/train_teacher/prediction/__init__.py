"""`teacher predict`: a trained teacher labels images."""
