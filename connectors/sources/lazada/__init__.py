"""Lazada, as a source of orders and returned pieces: webhooks say what changed, asking says how."""
