"""The simulator of NetShop, which imports nothing from the connector."""
