"""Clearpost holding.audit: what happened, sealed; not the story of one record."""
