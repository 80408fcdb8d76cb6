"""Share code for rounding."""
