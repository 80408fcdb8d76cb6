"""The stand-in of AutoCount; it knows nothing of its client."""
