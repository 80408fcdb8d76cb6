"""The stand-in of AutoCount; imports nothing of the connector."""
