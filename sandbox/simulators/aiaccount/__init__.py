"""The simulator of AiAccount, which imports nothing from the connector."""
