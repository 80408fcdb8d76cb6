"""Clearpost connectors.targets: one folder for each accounting system."""
