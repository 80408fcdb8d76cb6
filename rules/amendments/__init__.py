"""Clearpost rules.amendments: what follows on an edit, a cancel, a correction."""
