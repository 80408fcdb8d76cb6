"""Clearpost holding.suggestions: what a missing value could be; exact ones accepted together."""
