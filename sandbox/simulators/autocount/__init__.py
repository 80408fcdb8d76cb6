"""The simulator of AutoCount, which imports nothing from the connector."""
