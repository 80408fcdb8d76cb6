"""Clearpost holding.holds: what is kept of open holds, so that no page has to count them."""
