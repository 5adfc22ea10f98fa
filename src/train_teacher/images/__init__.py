"""Image files: found, measured from their headers, decoded, compared, drawn on."""
