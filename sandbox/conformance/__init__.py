"""Test connectors: one contract suite for every target, one for every source.

They need pytest, and nothing of the product imports them: `clearpost connector test` runs them.
"""
