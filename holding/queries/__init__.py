"""Clearpost holding/queries."""
