"""Clearpost portal.holds."""
