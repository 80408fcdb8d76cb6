"""Clearpost portal/pages."""
