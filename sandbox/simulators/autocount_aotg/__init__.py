"""The simulator of AutoCount On The Go, which imports nothing from the connector."""
