"""Clearpost connectors.sources: one folder for each system that orders come from."""
