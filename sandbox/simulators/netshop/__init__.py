"""The stand-in of NetShop; imports nothing of the connector."""
