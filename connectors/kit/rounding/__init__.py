"""How numbers are rounded elsewhere, and how far that moves a total."""
