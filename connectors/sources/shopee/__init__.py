"""Shopee as a source: webhooks show what changed, API calls read the orders and returns."""
