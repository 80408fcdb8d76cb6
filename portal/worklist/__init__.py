"""Clearpost portal.worklist."""
