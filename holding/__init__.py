"""Clearpost holding: the truth: rows, life cycle, services; the only floor with SQL."""
