"""Shopee, as a source of orders and returns: a webhook says what changed, asking says how."""
