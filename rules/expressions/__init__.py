"""Clearpost rules.expressions: what an expression means, as closures over a run."""
