"""Clearpost portal.runs."""
