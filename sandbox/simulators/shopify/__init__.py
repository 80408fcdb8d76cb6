"""The simulator of Shopify as a shop, which imports nothing from the connector."""
