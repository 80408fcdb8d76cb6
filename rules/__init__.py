"""Clearpost rules: (program, record, facts, world, now) gives an outcome, without I/O."""
