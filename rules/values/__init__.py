"""Provide numbers, texts, types and unknown values; nothing here knows a ruleset."""
