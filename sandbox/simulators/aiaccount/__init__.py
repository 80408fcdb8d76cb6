"""The stand-in of AiAccount; it knows nothing of its client."""
