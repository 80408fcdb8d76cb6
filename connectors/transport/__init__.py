"""Clearpost connectors.transport: HTTP, mail, the clock and fault points, free of meaning."""
