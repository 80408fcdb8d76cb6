"""Clearpost connectors.transport: the way out, the clock, fault points; nothing of meaning."""
