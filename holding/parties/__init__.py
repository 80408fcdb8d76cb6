"""Clearpost holding.parties: one party under two keys: its merge, and that it was refused."""
