"""Shopify as a source of orders, fulfilments, refunds and payouts."""
