"""The simulator of QuickBooks, which imports nothing from the connector."""
