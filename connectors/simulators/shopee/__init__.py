"""Shopee as a shop: it sells, pushes what changed, and answers who asks for orders and returns."""
