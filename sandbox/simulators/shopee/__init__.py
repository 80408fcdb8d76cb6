"""The stand-in of Shopee as a shop; imports nothing of the connector."""
