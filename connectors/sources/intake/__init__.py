"""Intake, the door for systems without a connector of their own: its record kinds, as data."""
