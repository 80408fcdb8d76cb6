"""The stand-in of Shopify as a shop; imports nothing of the connector."""
