"""Shopify, as a source of orders, fulfilments and refunds by signed webhook or JSON file."""
