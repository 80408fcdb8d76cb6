"""The stand-in of Lazada as a seller; imports nothing of the connector."""
