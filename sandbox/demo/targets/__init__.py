"""The sample month in every target at once; no part of what runs."""
