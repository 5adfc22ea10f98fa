"""`teacher audit`: labels that a teacher doubts, surest first."""
