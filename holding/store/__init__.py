"""Clearpost holding.store: the database, statements over many rows, leases."""
