"""Clearpost holding.records: one record as people read it."""
