"""Clearpost holding.exceptions: what people do with holds; lists are in worklist."""
