"""Clearpost portal.records."""
