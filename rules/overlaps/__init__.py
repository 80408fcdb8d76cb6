"""What conditions allow of single fields, and which rules therefore meet, cover or contradict."""
