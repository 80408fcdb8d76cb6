"""What all commands share: exit codes, messages, the database session and child processes."""
