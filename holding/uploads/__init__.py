"""Clearpost holding.uploads: files that people give in, checked first and taken when confirmed."""
