"""Clearpost holding.db: the database, statements over many rows, leases."""
