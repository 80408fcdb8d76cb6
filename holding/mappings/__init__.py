"""Mapping tables and their entries, target code lists, and what follows when an entry changes."""
