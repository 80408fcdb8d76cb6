"""Clearpost rules.programs: from a syntax tree to a Program, the one door."""
