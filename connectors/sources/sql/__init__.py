"""A shop's database as a source, read by queries."""
