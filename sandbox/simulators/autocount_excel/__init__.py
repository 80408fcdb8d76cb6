"""The stand-in of AutoCount desktop's Excel import; it knows nothing of its client."""
