"""Segmentation masks: polygons and run lengths, measured but never trained on."""
