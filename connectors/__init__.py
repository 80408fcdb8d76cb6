"""Clearpost connectors: how the outside talks; never decides whether."""
