"""Clearpost holding.narrowing: facets of the holding area, what acts over it saw, saved views."""
