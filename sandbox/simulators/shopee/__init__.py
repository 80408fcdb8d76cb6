"""Shopee as a shop: it sells, tells what changed, and answers who asks for orders and returns."""
