"""Share code between the sources of shops."""
