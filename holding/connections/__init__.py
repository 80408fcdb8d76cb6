"""Connections to sources and targets: settings, keys, limits, breakers and master data."""
