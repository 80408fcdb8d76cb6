"""Check a ruleset for errors without any data."""
