"""Clearpost rules.values: numbers, texts, kinds and the unknown; no name of a ruleset."""
