"""Clearpost holding.journal: what is written down of a sending; nothing is sent here."""
