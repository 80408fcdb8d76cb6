"""Resolve names and infer types of expressions, without evaluating them."""
