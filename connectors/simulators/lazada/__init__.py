"""Lazada as a seller: it sells, pushes what changed, and answers who asks for its orders."""
