"""Clearpost holding.signals: what concerns many records and cannot wait for somebody to look."""
