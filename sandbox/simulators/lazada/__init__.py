"""The simulator of Lazada as a seller, which imports nothing from the connector."""
