"""Share code between all stand-ins."""
