"""`results.json`, `report.html`, the verdict, and `teacher compare`."""
