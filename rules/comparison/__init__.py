"""Compare two rulesets, and the outcomes of records under both."""
