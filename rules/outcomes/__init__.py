"""Clearpost rules.outcomes: what an evaluation answers, not how it is reached."""
