"""`teacher evaluate`: a trained teacher scored on labeled images."""
