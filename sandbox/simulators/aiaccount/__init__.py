"""The stand-in of AiAccount; imports nothing of the connector."""
