"""A database, as a source of orders and settlements: it is asked by queries that only read."""
