"""Lazada as a seller: it sells, tells what changed, and answers who asks for its orders."""
