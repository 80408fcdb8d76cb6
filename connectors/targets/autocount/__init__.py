"""AutoCount's cloud interface as a target."""
