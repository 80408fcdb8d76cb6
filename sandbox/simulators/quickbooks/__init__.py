"""The stand-in of QuickBooks; imports nothing of the connector."""
