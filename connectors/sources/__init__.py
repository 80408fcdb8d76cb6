"""Clearpost connectors/sources."""
