"""The stand-in of AutoCount desktop's Excel import; imports nothing of the connector."""
