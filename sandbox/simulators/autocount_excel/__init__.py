"""The simulator of AutoCount desktop's Excel import, which imports nothing from the connector."""
