"""What all simulators of targets are built from."""
