"""What all commands share, the processes that some start, and a file as a delivery."""
