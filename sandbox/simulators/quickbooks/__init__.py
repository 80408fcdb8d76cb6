"""The stand-in of QuickBooks; it knows nothing of its client."""
