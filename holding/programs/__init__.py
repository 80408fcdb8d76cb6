"""Clearpost holding.programs: the rules and the world of a moment; nothing is published."""
