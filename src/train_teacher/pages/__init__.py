"""The frame, the parts and the charts of every HTML page."""
