"""Clearpost rules.documents: the document for a target and its amounts; not whether it goes."""
