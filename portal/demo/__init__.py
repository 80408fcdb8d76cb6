"""Clearpost portal/demo."""
