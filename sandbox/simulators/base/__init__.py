"""Share code between all simulators."""
