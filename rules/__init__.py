"""Clearpost rules: judging, pure: (program, record, facts, world, now) -> outcome."""
