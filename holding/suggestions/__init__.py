"""Clearpost holding.suggestions: what a value without a mapping could be; reads only."""
