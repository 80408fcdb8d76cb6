"""Clearpost rules.decisions: one record under all its routes, to a verdict for each."""
