"""A stand-in for AiAccount that refuses what the real one refuses; a process of its own."""
