"""Share code for the keys of connections."""
