"""Clearpost rules.facts: the world and the facts that an evaluation may look at."""
