"""Clearpost holding.mappings: entries, and what follows when one changes."""
