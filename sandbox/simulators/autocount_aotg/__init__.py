"""The stand-in of AutoCount On The Go; imports nothing of the connector."""
