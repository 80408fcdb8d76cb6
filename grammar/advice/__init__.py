"""Explain syntax errors and suggest what to write instead."""
