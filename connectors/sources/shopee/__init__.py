"""Shopee, as a source of orders and returns: a push says what changed, asking says how."""
