"""Clearpost connectors: talk to outside systems; never decide what is posted."""
