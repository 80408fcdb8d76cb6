"""Clearpost portal.editor."""
