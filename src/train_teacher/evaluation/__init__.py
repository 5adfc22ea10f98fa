"""`teacher evaluate`: a trained teacher scored on labelled images."""
