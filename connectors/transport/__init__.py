"""Clearpost connectors.transport: outside calls, the clock, fault points; nothing of meaning."""
