"""Frame, parts and charts of the HTML pages."""
