"""Clearpost connectors/kit."""
