"""Clearpost connectors/targets."""
