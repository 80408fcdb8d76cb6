"""Describe a ruleset in plain words: the rule book and the hold catalogue."""
