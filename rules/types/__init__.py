"""Clearpost rules.types: what a name and an expression are; nothing is evaluated."""
