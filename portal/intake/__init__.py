"""Clearpost portal.intake."""
