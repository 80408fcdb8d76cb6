"""Shopify as a shop: it sells, sends signed webhooks, and answers who asks for its orders."""
