"""Clearpost holding.integrity: what must always be true of stored rows, looked at."""
