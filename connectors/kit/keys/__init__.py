"""What the keys of connections have alike."""
