"""Clearpost portal.trials."""
