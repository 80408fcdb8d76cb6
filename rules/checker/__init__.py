"""Clearpost rules.checker: what is wrong with a ruleset, said without any data."""
