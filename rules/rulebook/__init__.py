"""Clearpost rules.rulebook: a ruleset in plain words."""
