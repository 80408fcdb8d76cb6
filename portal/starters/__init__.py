"""The rule templates that a new company can start from."""
