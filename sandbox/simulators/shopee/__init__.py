"""The simulator of Shopee as a shop, which imports nothing from the connector."""
