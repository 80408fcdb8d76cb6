"""Clearpost portal/starters."""
