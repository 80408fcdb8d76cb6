"""Lazada, as a source of orders and returned pieces: a push says what changed, asking says how."""
