"""What the sources of shops have alike."""
