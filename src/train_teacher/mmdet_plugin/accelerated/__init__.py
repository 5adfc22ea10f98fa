"""MMDetection's modules rewritten to wait less for the GPU, each proven equal."""
