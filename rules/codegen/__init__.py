"""Clearpost rules.codegen: the same meaning as generated Python."""
