"""Clearpost rules.comparison: two rulesets beside each other, and records under both."""
