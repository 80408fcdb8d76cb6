"""Post the sample month to every target at once."""
